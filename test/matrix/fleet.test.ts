/**
 * The examples of a fleet on each version of Node-RED: the variables of a tab reach the nodes for the broker, TLS and
 * credentials, and a request is signed, carried out and shown.
 */
import { strict as assert } from 'node:assert';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { madePair } from '../../firewall/fleet/signature';
import { until } from '../firewall/until';
import { Member } from '../fleet/member';
import { Office } from '../fleet/office';
import { PAIRS } from './pairs';
import { install, nodeOf, packed as packPackage, redOf } from './toolbox';

/** Node-RED 3.1 starts on Node.js 14, but its own TLS node does not: "Object.hasOwn is not a function". */
const USABLE = PAIRS.filter(({ red, node }) => red !== '3.1' || node > 14);
/** Each Node-RED with the oldest Node.js that it works on. */
const OLDEST = USABLE.filter(({ red, node }) => USABLE.every((other) => other.red !== red || other.node >= node));

describe('A fleet', function () {
  this.timeout(240_000);
  let packed: { folder: string; tarball: string };

  before(async () => {
    packed = await packPackage();
  });
  after(() => rm(packed.folder, { recursive: true, force: true }));

  for (const pair of OLDEST) {
    it(`works with Node-RED ${pair.red} on Node.js ${pair.node}`, async () => {
      const modules = await install(packed.tarball, join(packed.folder, `${pair.red}-${pair.node}`), pair);
      const installation = { node: await nodeOf(pair.node), red: await redOf(pair.red), modules };
      const office = await Office.open(['plant']);
      let member: Member | undefined;
      try {
        const { privateKey, publicKey } = madePair();
        await office.startNodeRed(
          { installation },
          { KEY_NAME: 'operator', SIGNING_KEY: privateKey.split('\n')[1] as string },
        );
        member = await Member.open(office, 'plant', 'north', installation, {
          operatorKeys: [{ name: 'operator', publicKey, onlyTighten: false, force: false }],
        });
        await until(async () => (await office.table()).counts.online === 1);
        await office.press('Lock down all');
        await until(async () => (await office.table()).counts.done === 1);
        const [plant] = (await office.table()).devices;
        assert.deepEqual(
          [plant?.profile, plant?.group, plant?.online, plant?.keys],
          ['lockdown', 'north', true, 'operator'],
        );
        // Its last will.
        await member.nodeRed.kill('SIGKILL');
        await until(async () => (await office.table()).counts.online === 0);
      } finally {
        await Promise.all([office.device.close(), member?.device.close()]);
      }
    });
  }
});
