import type { Node, NodeAPI, NodeDef } from 'node-red';
import { givenLearning } from '../firewall/given';
import type { LearnResult } from '../firewall/results';
import { answerMessages } from './answer';
import { resumeDevice, useDevice } from './device';
import { fromStored } from './migrate';
import { localTime } from './names';
import { defined, evaluate, reasonOf } from './request';

type Definition = NodeDef & { device?: string } & Record<string, unknown>;

export = (RED: NodeAPI): void => {
  /** What holds now: whether it is learned, and until when, or how many are known. */
  function summary({ action, learning, services }: LearnResult): string {
    if (action === 'read') {
      const addresses = Object.values(services).flatMap(({ peers }) => peers.map(({ address }) => address));
      return RED._('status.peers', { number: new Set(addresses).size });
    }
    if (action === 'forget') return RED._('status.forgotten');
    if (!learning?.on) return RED._('status.stopped');
    return learning.until
      ? RED._('status.learningUntil', { time: localTime(learning.until) })
      : RED._('status.learning');
  }

  RED.nodes.registerType('learn-peers', function (this: Node, stored: Definition) {
    const def = fromStored(RED, this, stored);
    if (!def) return;
    const device = useDevice(RED, this, def.device);
    // After a boot nobody looks until this has been asked for.
    resumeDevice(RED, this, device);
    answerMessages(RED, this, async (msg, asking) => {
      const given = async (property: string): Promise<unknown> =>
        (await evaluate(RED, this, msg, { property, value: def[property], type: def[`${property}Type`] })).value;
      const action = await given('action');
      // Only a beginning takes time; for the others a message need not say for how long.
      const duration = givenLearning(action) === 'start' ? await given('duration') : undefined;
      const reason = givenLearning(action) === 'read' ? undefined : await reasonOf(RED, this, msg, def);
      const result = await device().learn(defined({ action, duration, reason }), asking);
      const isNothing = !result.changed && result.action !== 'read';
      return { payload: result, outcome: isNothing ? 'unchanged' : 'success', text: summary(result) };
    });
  });
};
