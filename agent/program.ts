/**
 * The entry points of the privileged program and the command line. The build bundles this file with its dependencies, so
 * that `setup` can install a single self-contained file.
 */
export { agent, requestOf } from './request';

/** Loaded on demand: the command line has many dependencies that a request to the agent does not need. */
export const commandLine = (argv: readonly string[]): Promise<void> =>
  (require('./command-line') as typeof import('./command-line')).commandLine(argv);
