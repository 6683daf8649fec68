/**
 * Everything the privileged program and the command line are made of. The build makes one file of it and of what it
 * uses, so that `setup` can install it as one file that needs nothing beside it.
 */
export { agent, requestOf } from './request';

/** The command line brings much along that a request to the agent would wait for. */
export const commandLine = (argv: readonly string[]): Promise<void> =>
  (require('./command-line') as typeof import('./command-line')).commandLine(argv);
