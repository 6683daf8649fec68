/**
 * Everything the privileged program and the command line are made of. The build makes one file of it and of what it
 * uses, so that `setup` can install it as one file that needs nothing beside it.
 */
export { commandLine } from './command-line';
export { agent, requestOf } from './request';
