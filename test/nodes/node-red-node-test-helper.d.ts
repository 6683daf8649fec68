/** The part of node-red-node-test-helper that the tests use; it ships no types. */
declare module 'node-red-node-test-helper' {
  import type { Node, NodeInitializer } from 'node-red';

  interface TestHelper {
    _events: NodeJS.EventEmitter;
    /** Node-RED's own, whose promise resolves before flows have started. */
    _redNodes: {
      setFlows(flow: object[], credentials: object, type: 'full' | 'flows' | 'nodes'): Promise<unknown>;
    };
    load(nodes: NodeInitializer[], flow: object[]): Promise<void>;
    unload(): Promise<void>;
    setFlows(flow: object[]): Promise<void>;
    getNode(id: string): Node | null;
    startServer(done: () => void): void;
    stopServer(done: () => void): void;
    settings(settings: object): object;
  }
  const helper: TestHelper;
  export default helper;
}
