/**
 * Everything the privileged program is made of. The build makes one file of it and of what it uses, so that `setup` can
 * install it as one file that needs nothing beside it.
 */
export { agent, requestOf } from './request';
