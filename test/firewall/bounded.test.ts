/** Whatever a message holds, judging it takes no longer and needs no more than a request could be worth. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import type { FirewallError } from '../../firewall/errors';
import { fleetRequest } from '../../firewall/fleet/envelope';
import { fleet } from '../../firewall/fleet/fleet';
import { check, settings, toggleServiceRequest } from '../../firewall/messages';

const BYTES = 19 * 1024 * 1024;
const deep = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);
const throwing = (): never => {
  throw new Error('no');
};
/** Throws whatever is done with it. */
const mined = new Proxy(
  {},
  { get: throwing, has: throwing, ownKeys: throwing, getPrototypeOf: throwing, getOwnPropertyDescriptor: throwing },
);
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

/** What no property of any request may be. */
const HUGE_OR_HOSTILE: Record<string, unknown> = {
  bytes: Buffer.alloc(BYTES),
  'a typed array': new Float64Array(BYTES / 8),
  'shared memory': new SharedArrayBuffer(BYTES),
  'a map': new Map([['service', 'ssh']]),
  'a set': new Set(['ssh']),
  'a date': new Date(),
  'a text': 'x'.repeat(BYTES),
  'a text in an object': new String('x'.repeat(BYTES)),
  'a list without end': new Array(2 ** 32 - 1),
  'a list of lists': deep(100_000),
  'a list that lies': new Proxy([], { get: (_, key) => (key === 'length' ? Number.NaN : undefined) }),
  'a number of many digits': BigInt(2) ** BigInt(1_000_000),
  'a function': throwing,
  'a symbol': Symbol('x'.repeat(BYTES)),
  mines: mined,
  'a proxy that is over': revoked(),
  'an error': new Error('x'.repeat(BYTES)),
  'its own property': Object.defineProperty({}, 'service', { get: throwing, enumerable: true }),
};

function refused(call: () => unknown): FirewallError {
  try {
    call();
  } catch (error) {
    const { code, message } = error as FirewallError;
    assert.equal(code, 'INVALID_INPUT', String(message).slice(0, 300));
    assert.ok(message.length < 1500, message.slice(0, 300));
    assert.ok(!/\p{C}/u.test(message), message);
    return error as FirewallError;
  }
  return assert.fail('was accepted');
}

describe('What is looked at', () => {
  for (const [what, value] of Object.entries(HUGE_OR_HOSTILE)) {
    it(`of ${what} is as much as the schema speaks of`, async () => {
      for (const property of ['service', 'duration', 'force', 'unknown']) {
        const { message } = refused(() => check(toggleServiceRequest, { [property]: value }));
        assert.match(message, new RegExp(property));
      }
      refused(() => check(toggleServiceRequest, value));
      for (const property of ['servicePorts', 'customServices', 'customProfiles', 'managementFrom', 'keepBackups']) {
        refused(() => check(settings, { [property]: value }));
      }
      refused(() => check(settings, { servicePorts: { opcua: value } }));
      refused(() => check(settings, { customProfiles: [{ name: 'a', open: value }] }));
      refused(() => check(settings, { customProfiles: [{ name: 'a', open: [{ service: value }] }] }));
      refused(() => check(fleetRequest, value));
      const asked = {
        id: 'one',
        issued: '2026-01-01T00:00:00Z',
        expires: '2026-01-02T00:00:00Z',
        action: 'set-profile',
      };
      for (const envelope of [value, { ...asked, request: value }, { ...asked, request: { profile: value } }]) {
        const { error, result } = await fleet(envelope, () => assert.fail('was asked for'), check(settings, {}));
        assert.equal(error?.code, 'INVALID_INPUT');
        assert.ok(JSON.stringify(result).length < 2000);
      }
    });
  }

  it('never lists the properties of what has no place for any', () => {
    let listed = 0;
    const many = new Proxy({}, { ownKeys: () => [`a${listed++}`] });
    refused(() => check(toggleServiceRequest, { service: many, from: many }));
    refused(() => check(settings, { managementFrom: many, keepBackups: many }));
    assert.equal(listed, 0);
  });

  it('is each property once: what was judged is what is used', () => {
    let reads = 0;
    const asked = {
      get service() {
        reads += 1;
        return reads === 1 ? 'ssh' : '1880/tcp';
      },
    };
    assert.equal(check(toggleServiceRequest, asked).service, 'ssh');
    assert.equal(reads, 1);
  });

  it('is no more than a number of values, all lists and objects together', () => {
    const profile = (at: number) => ({ name: `p${at}`, open: new Array(2000).fill({ service: 'ssh' }) });
    const many = Array.from({ length: 50 }, (_, at) => profile(at));
    assert.match(refused(() => check(settings, { customProfiles: many })).message, /^INVALID_INPUT: customProfiles/);
    const names = Object.fromEntries(Array.from({ length: 30_000 }, (_, at) => [`a${at}`, '1/tcp']));
    assert.match(
      refused(() => check(settings, { servicePorts: names })).message,
      /^INVALID_INPUT: servicePorts: holds/,
    );
    assert.match(refused(() => check(toggleServiceRequest, names)).message, /^INVALID_INPUT: the request: holds more/);
  });

  it('names a few of the properties that nobody knows', () => {
    const strange = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`\u0000\n${at}${'x'.repeat(1e5)}`, 1]));
    refused(() => check(toggleServiceRequest, strange));
    assert.match(refused(() => check(toggleServiceRequest, { servise: 'ssh' })).message, /servise/);
  });

  it('may come from a function node, whose objects are of another world', () => {
    const { runInNewContext } = require('node:vm') as typeof import('node:vm');
    const asked = runInNewContext(
      '({ customServices: [{ id: "a", label: "A", ports: ["1/tcp"] }], servicePorts: { lon: "7" } })',
    );
    const { customServices, servicePorts } = check(settings, asked);
    assert.deepEqual(servicePorts, { lon: '7' });
    assert.deepEqual(customServices, [{ id: 'a', label: 'A', ports: ['1/tcp'], direction: 'in' }]);
  });
});
