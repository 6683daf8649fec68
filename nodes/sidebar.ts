/**
 * The sidebar has nothing in the runtime (`live.ts` sends what it shows): its page is all. It is a node set without a
 * node, as Node-RED 2.2 fails to start with a package that has both nodes and plugins when the plugin is read first
 * (`addModule` asks for the types of nodes whose pages are still being read).
 */
export = (): void => {};
