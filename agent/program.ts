/**
 * The entry point of the privileged program. The build bundles this file with its dependencies, so that `setup` can install
 * a single self-contained file.
 */
export { agent, requestOf, standBy } from './request';
