/**
 * Loads the program that lies beside this file, with what V8 kept of compiling it the last time where there is such a
 * file: a request is answered in a sixth less time. Run by itself, as `setup` does, it answers one request and writes
 * that file, which then has what a request needs. One of another version of Node.js or of the program V8 refuses, and
 * compiles anew.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import Module from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';

type Program = typeof import('./program');

const PROGRAM = join(__dirname, 'program.js');
const CACHE = join(__dirname, 'program.cache');

const script = new Script(Module.wrap(readFileSync(PROGRAM, 'utf8')), { filename: PROGRAM, cachedData: kept() });

function kept(): Buffer | undefined {
  try {
    return readFileSync(CACHE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const loaded = { exports: {} };
script.runInThisContext()(loaded.exports, require, loaded, PROGRAM, __dirname);
export const program = loaded.exports as Program;

/** On disk in full before it has its name: V8 does not look at all of it. */
function keep(compiled: Buffer): void {
  const file = openSync(`${CACHE}.new`, 'w');
  writeSync(file, compiled);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${CACHE}.new`, CACHE);
}

if (require.main === module) void program.agent().then(() => keep(script.createCachedData()));
