/**
 * The sidebar has no runtime part (`live.ts` publishes what it shows), only a page. It is a node set without a node, as
 * Node-RED 2.2 fails to start with a package that has both nodes and plugins if the plugin is read first
 * (`addModule` asks for the types of nodes whose pages are still being read).
 */
export = (): void => {};
