/** What a reading finds wrong, held against what a neighbour's packets meet, and against rules that are deleted. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import type { Finding } from '../../firewall/results';
import type { Engine } from '../device/engine';
import { useDevice, useEngine } from '../device/suite';
import { csafDocument } from './csaf-document';

const RANK = ['critical', 'high', 'medium', 'low'];
const named = (findings: readonly Finding[]): string[] =>
  findings.map(({ id, service }) => [id, service].join(' ').trim());
/** But for what is there on each device where hardly a program runs. */
const found = async (engine: Engine): Promise<string[]> =>
  named((await engine.read()).findings).filter((one) => !one.startsWith('open-unused'));

describe('Findings', function () {
  this.timeout(120_000);
  const device = useDevice();
  const engine = useEngine(device);
  const old = useEngine(device, { firmware: '4.60.009' });
  const mended = useEngine(device, { firmware: '4.60.023' });

  it('are the worst first, each with what to do', async () => {
    const { findings } = await engine.read();
    const ranks = findings.map(({ severity }) => RANK.indexOf(severity));
    assert.deepEqual(ranks, [...ranks].sort());
    for (const { text, remedy } of findings) assert.ok(text.endsWith('.') && remedy.endsWith('.'), text);
  });

  it('name services with a known hole as long as the device has it, or nobody says which version it is', async () => {
    const holes = ['advisory lon', 'advisory lon-ip70', 'no-password mqtt', 'pointless-rule'];
    assert.deepEqual(await found(engine), holes);
    assert.deepEqual(await found(old), holes);
    assert.deepEqual(await found(mended), holes.slice(2));
    const [hole] = (await old.read()).findings;
    assert.match(hole?.text ?? '', /4\.60\.009 has a known hole: ICSA-26-050-01 \(CVE-2026-20761, CVE-2026-22885\)/);
    assert.match(hole?.remedy ?? '', /4\.60\.023/);
  });

  it('are over for a service that only some can reach, and back when everybody can by whatever rules', async () => {
    await device.ufw('delete', 'allow', '1628/udp');
    await device.ufw('allow', 'from', '192.0.2.0/24', 'to', 'any', 'port', '1628', 'proto', 'udp');
    assert.ok(!(await found(engine)).includes('advisory lon'));
    for (const half of ['0.0.0.0/1', '128.0.0.0/1']) {
      await device.ok('iptables', '-I', 'INPUT', '-s', half, '-p', 'udp', '--dport', '1628', '-j', 'ACCEPT');
      assert.ok((await found(engine)).includes('advisory lon'));
    }
    for (const half of ['0.0.0.0/1', '128.0.0.0/1'])
      await device.ok('iptables', '-D', 'INPUT', '-s', half, '-p', 'udp', '--dport', '1628', '-j', 'ACCEPT');
    await device.ufw('delete', 'allow', 'from', '192.0.2.0/24', 'to', 'any', 'port', '1628', 'proto', 'udp');
    await device.ufw('insert', '17', 'allow', '1628/udp');
  });

  it('add what a CSAF document says, of hostile text too', async () => {
    const { document } = csafDocument();
    const title = `<script>alert(1)</script>\u202e\n${'x'.repeat(500)}`;
    const { findings } = await old.read([{ ...csafDocument(), document: { ...document, title } }]);
    assert.deepEqual([findings[0]?.id, findings[0]?.severity, findings[0]?.service], ['advisory', 'critical', null]);
    assert.match(findings[0]?.text ?? '', /ICSA-27-001-01 \(CVE-2027-1000\), "<script>alert\(1\)<\/script>\?\\n/);
    assert.ok((findings[0]?.text.length ?? 0) < 300);
    const before = await engine.read();
    await assert.rejects(engine.read('{ "document"'), { code: 'INVALID_INPUT', message: /csaf\.0/ });
    assert.deepEqual(named((await engine.read()).findings), named(before.findings));
  });

  it('name rules that others make pointless: without them the neighbour gets in as before', async () => {
    const { findings, services } = await engine.read();
    const text = findings.find(({ id }) => id === 'pointless-rule')?.text ?? '';
    const numbers = [...text.matchAll(/(\d+) \(by \d+\)/g)].map(([, number]) => Number(number));
    assert.ok(numbers.length > 0, text);
    for (const number of numbers.sort((a, b) => b - a)) await device.ok('ufw', '--force', 'delete', String(number));
    const after = await engine.read();
    const states = (list: typeof services) =>
      list.map(({ id, in: into, out, families }) => ({ id, into, out, families }));
    assert.deepEqual(states(after.services), states(services));
    assert.equal(
      after.findings.some(({ id }) => id === 'pointless-rule'),
      false,
    );
  });

  it('name internal services that can be reached, a profile that no longer holds, and a firewall that is off', async () => {
    await engine.setProfile({ profile: 'enhanced' });
    await device.ufw('allow', '5432/tcp');
    await device.ufw('delete', 'allow', '22/tcp');
    const names = await found(engine);
    assert.ok(names.includes('exposed-internal cms-pgsql') && names.includes('drift'), names.join());
    await device.ufw('disable');
    assert.equal((await engine.read()).findings[0]?.id, 'inactive');
  });
});
