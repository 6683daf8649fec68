import assert from 'node:assert/strict';
import { changePorts, dropOldPorts, listenOnBoth } from '../../../firewall/web/edit';
import { sitePorts } from '../../../firewall/web/ports';
import { parseSite } from '../../../firewall/web/site';
import { SEED } from '../../seed';
import { inWords } from '../in-words';
import { type GeneratedSite, generateSite, type Ports } from './generate';
import { judge, type Trial } from './nginx';

const COUNT = 200;
const MOVED: Ports = { http: 1780, https: 11443 };

function move(from: Ports, to: Ports) {
  return {
    http: { from: from.http, to: to.http },
    https: { from: from.https, to: to.https },
    fixRedirect: true,
  };
}

function eachSite(sites: readonly GeneratedSite[], check: (site: GeneratedSite) => void): void {
  for (const site of sites) {
    try {
      check(site);
    } catch (error) {
      assert.ok(error instanceof Error);
      error.message = `seed ${site.seed}: ${error.message}\nof the file\n${site.bytes}`;
      throw error;
    }
  }
}

function same(actual: Buffer, expected: Buffer): void {
  assert.equal(actual.toString('latin1'), expected.toString('latin1'));
  assert.ok(actual.equals(expected));
}

describe(`200 generated site files, seeds ${SEED} to ${SEED + COUNT - 1} (SEED=${SEED} repeats them)`, () => {
  const sites = Array.from({ length: COUNT }, (_, index) => generateSite(SEED + index));

  it('are read with the ports they were made with', () => {
    eachSite(sites, ({ bytes, ports }) => {
      const { http, https, otherHttp, otherHttps, problems } = sitePorts(parseSite(bytes));
      assert.deepEqual({ http, https, otherHttp, otherHttps }, { ...ports, otherHttp: [], otherHttps: [] });
      assert.deepEqual(
        problems.filter((problem) => !inWords(problem).includes('for the device itself only')),
        [],
      );
    });
  });

  it('change in the ports of their listens and redirects, and in no other byte', () => {
    eachSite(sites, ({ bytes, ports, withPorts }) => {
      const changed = changePorts(parseSite(bytes), move(ports, MOVED));
      same(changed, withPorts(MOVED));
      const { http, https } = sitePorts(parseSite(changed));
      assert.deepEqual({ http, https }, MOVED);
    });
  });

  it('change one port and keep the other', () => {
    eachSite(sites, ({ bytes, ports, withPorts }) => {
      const { http, https } = move(ports, MOVED);
      same(changePorts(parseSite(bytes), { http, fixRedirect: true }), withPorts({ ...ports, http: MOVED.http }));
      same(changePorts(parseSite(bytes), { https, fixRedirect: true }), withPorts({ ...ports, https: MOVED.https }));
    });
  });

  it('are what they were, byte for byte, after a change there and back', () => {
    const explicit = sites.filter((site) => site.explicit);
    assert.ok(explicit.length > COUNT / 2);
    eachSite(explicit, ({ bytes, ports }) => {
      const changed = changePorts(parseSite(bytes), move(ports, MOVED));
      same(changePorts(parseSite(changed), move(MOVED, ports)), bytes);
    });
  });

  it('are what the change alone makes of them after a while on both ports', () => {
    eachSite(sites, ({ bytes, ports }) => {
      const change = move(ports, MOVED);
      const both = parseSite(listenOnBoth(parseSite(bytes), change));
      const { http, https, otherHttp, otherHttps } = sitePorts(both);
      assert.deepEqual([http, https, otherHttp, otherHttps], [ports.http, ports.https, [MOVED.http], [MOVED.https]]);
      same(dropOldPorts(both, change), changePorts(parseSite(bytes), change));
    });
  });

  it('are accepted by nginx after every change when it accepted the original', async function () {
    this.timeout(120_000);
    const versions = sites.map(({ bytes, whole, ports }) => {
      const change = move(ports, MOVED);
      const made = [bytes, changePorts(parseSite(bytes), change), listenOnBoth(parseSite(bytes), change)];
      return made.map((version): Trial => ({ bytes: version, whole }));
    });
    const judgements = await judge(versions.flat());
    let accepted = 0;
    sites.forEach(({ seed }, index) => {
      const [original, changed, both] = judgements.slice(index * 3, index * 3 + 3);
      if (!original?.accepted) return;
      accepted += 1;
      assert.ok(changed?.accepted, `seed ${seed}, changed: ${changed?.message}`);
      assert.ok(both?.accepted, `seed ${seed}, on both ports: ${both?.message}`);
    });
    const refused = judgements.find(({ accepted: was }, index) => index % 3 === 0 && !was);
    assert.ok(accepted > COUNT * 0.9, `nginx accepted only ${accepted} of the originals: ${refused?.message}`);
  });
});
