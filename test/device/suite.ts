/** What the tests of a suite have in common, opened before them and closed after them: a device, an engine on it, anything. */
import { strict as assert } from 'node:assert';
import { after, afterEach, before, beforeEach, type HookFunction } from 'mocha';
import { Device, type EmbeddedOptions } from './device';
import { Engine } from './engine';
import type { Machine } from './machine';

type Open<T> = () => Promise<T>;
type Close<T> = (it: T) => unknown;

/** An embedded device for all tests of the suite this is called in. */
export const useDevice = (options: EmbeddedOptions = {}): Device =>
  useShared(
    () => Device.open(options),
    (device) => device.close(),
  );

/** An engine for all tests of the suite, with these settings of the node `smartserver`. */
export const useEngine = (device: Machine, settings: Record<string, unknown> = {}): Engine =>
  useShared(
    () => Engine.start(device, settings),
    (engine) => engine.stop(),
  );

/** A new engine for each test of the suite. */
export const useFreshEngine = (device: Machine): Engine =>
  useFresh(
    () => Engine.start(device),
    (engine) => engine.stop(),
  );

/**
 * Opens something before the first test of the suite and closes it after the last one. Hooks run in the order in which they
 * are written down, so what is opened may need what was before it; what was opened last is closed first.
 * @returns what stands for it. mocha collects all tests before it runs one: until then it may be named, but not used.
 */
export const useShared = <T extends object>(open: Open<T>, close: Close<T> = () => undefined): T =>
  lend([before, after], open, close);

/** The same, before and after each test. */
export const useFresh = <T extends object>(open: Open<T>, close: Close<T> = () => undefined): T =>
  lend([beforeEach, afterEach], open, close);

/** What closes that which is open, in the order in which it was opened. */
const closings: (() => Promise<void>)[] = [];

function lend<T extends object>([begin, end]: [HookFunction, HookFunction], open: Open<T>, close: Close<T>): T {
  let current: T | null = null;
  let own: (() => Promise<void>) | null = null;
  begin(async () => {
    const opening = open();
    own = async () => {
      current = null;
      // What kept it from being opened has failed the hook. What came too late for the hook is there, and is closed too.
      const it = await opening.catch(() => null);
      if (it) await close(it);
    };
    closings.push(own);
    current = await opening;
  });
  end(async () => {
    while (own && closings.includes(own)) await closings.pop()?.();
  });
  return standIn(() => {
    assert.ok(current, 'What the suite has in common is there from its hooks on, and was asked for before.');
    return current;
  });
}

/** Behaves as what is current when it is used. */
const standIn = <T extends object>(current: () => T): T =>
  new Proxy({} as T, {
    get: (_, key) => {
      const value = Reflect.get(current(), key);
      return typeof value === 'function' ? value.bind(current()) : value;
    },
    set: (_, key, value) => Reflect.set(current(), key, value),
    has: (_, key) => Reflect.has(current(), key),
    ownKeys: () => Reflect.ownKeys(current()),
    getOwnPropertyDescriptor: (_, key) => Reflect.getOwnPropertyDescriptor(current(), key),
  });
