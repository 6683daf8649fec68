/** The example daily-drift-report in a real Node-RED on the device: what it prints and serves when the firewall drifts. */
import { strict as assert } from 'node:assert';
import { before, describe, it } from 'mocha';
import type { InsideProcess } from '../device/inside-process';
import { example, startNodeRed } from '../device/node-red';
import { useDevice } from '../device/suite';

interface FlowNode {
  id: string;
  name?: string;
}

describe('The example daily-drift-report', function () {
  this.timeout(90_000);
  const device = useDevice();
  let nodeRed: InsideProcess;
  let url: string;
  let flow: FlowNode[];

  before(async () => {
    await device.startNginx();
    flow = (await example('daily-drift-report')) as FlowNode[];
    nodeRed = await startNodeRed(device, flow);
    url = `http://127.0.0.1:${(await device.forward(1880)).port}`;
  });

  const press = async (name: string): Promise<void> => {
    const id = flow.find((node) => node.name === name)?.id;
    assert.equal((await fetch(`${url}/inject/${id}`, { method: 'POST' })).status, 200);
  };
  const page = async (): Promise<string> => (await fetch(`${url}/firewall/report`)).text();

  it('reports daily, and on a page, that the firewall matches the profile', async () => {
    assert.match(await page(), /The firewall is on\.\nThe firewall matches the profile enhanced\./);
    assert.match(await page(), /enhanced\.\nDefault policies: [^\n]*\n(?:\w+: [^\n]*\n)*\nWhat gets in/);
    assert.match(
      await page(),
      /^high: LON over IP .*ICSA-26-050-01.*, without a password"\. Update the device to 4\.60\.023/m,
    );
    assert.match(await page(), /^ {2}open: Web pages \(HTTPS\) \( 443\/tcp \)$/m);
    await press('Every day at 6');
    await nodeRed.until(/\[debug:Daily report\]\s+'?Firewall report of \w{3}, /);
  });

  it('reports at once when it no longer does, whatever the cause', async () => {
    await press('Apply this profile');
    await nodeRed.until(/\[debug:What changed\]/);
    await device.ok('sh', '-c', 'ufw deny 443/tcp && ufw deny 443');
    // ufw writes one family after the other: in between, the pages are open in one of them.
    const [said] = await nodeRed.until(/\[debug:Drift\][\s\S]*https \(in\): closed[^\n]*/);
    assert.match(said, /matches the profile enhanced:[\s\S]*https \(in\): closed, expected open/);
    assert.match(
      await page(),
      /The firewall matches no profile\. Differences from enhanced:\n {2}https \(in\): closed, expected open/,
    );
  });
});
