/** Every node of the package once, each called by a path of its own; what it sends, or why it failed, is the response. */
import type { FetchOptions } from '../device/protocol';
import type { Board } from './board';

const node = (id: string, type: string, fields: object, ...wires: string[]) => ({
  ...{ id, type, z: 'tab', x: 100, y: 100, wires: [wires] },
  ...fields,
});
const device = 'config';
/** Properties that the request's body gives. */
const given = (...properties: string[]): object =>
  Object.fromEntries(
    properties.flatMap((name) => [[name, `payload.${name}`] as const, [`${name}Type`, 'msg'] as const]),
  );

const NODES: Readonly<Record<string, { type: string } & Record<string, unknown>>> = {
  read: { type: 'read-firewall' },
  toggle: { type: 'toggle-service', cutConnections: true, ...given('service', 'action') },
  profile: { type: 'set-profile', ...given('profile') },
  wait: { type: 'set-profile', confirmWithin: 900, ...given('profile') },
  try: { type: 'set-profile', confirmWithin: 90, ...given('profile') },
  confirm: { type: 'confirm-change' },
  move: { type: 'change-web-ports', mode: 'change', fixRedirect: true, reload: 'reload', ...given('http', 'https') },
  undo: { type: 'restore-firewall', action: 'undo' },
  learn: { type: 'learn-peers', duration: 3600, durationType: 'num', ...given('action') },
  operate: { type: 'fleet-request' },
};

/** What is said on Node-RED's output. */
const said = (id: string) =>
  node(id, 'debug', { name: id, active: true, console: true, tosidebar: false, complete: 'true', targetType: 'full' });

export const FLOW: readonly object[] = [
  { id: 'tab', type: 'tab', label: 'Board' },
  { id: device, type: 'smartserver', name: '' },
  ...Object.entries(NODES).flatMap(([path, { type, ...fields }]) => [
    node(`in-${path}`, 'http in', { url: `/${path}`, method: 'post' }, path),
    node(path, type, { device, ...fields }, 'answer'),
  ]),
  node('failing', 'catch', { scope: null, uncaught: false }, 'failed'),
  node('failed', 'change', { rules: [{ t: 'set', p: 'payload', pt: 'msg', to: 'error', tot: 'msg' }] }, 'answer'),
  node('answer', 'http response', {}),
  node('watch', 'watch-firewall', { device }, 'watched'),
  said('watched'),
];

/** A tab that keeps SSH closed on all days, until it is told otherwise or removed. */
export const CLOSED_HOURS = {
  label: 'Hours',
  nodes: [
    node('in-hours', 'http in', { url: '/hours', method: 'post' }, 'hours'),
    node('hours', 'schedule-service', { device, service: 'ssh', hours: [], ...given('action') }, 'hours-answer'),
    node('hours-answer', 'http response', {}),
  ],
};

const URL = 'http://127.0.0.1:1880';
const PATIENCE_MS = 300_000;

/** One request to Node-RED on the board, with JSON both ways. @throws Error with what the flow's error says */
export async function ask<Answer>(board: Board, path: string, body: unknown = {}, method = 'POST'): Promise<Answer> {
  const options: FetchOptions = {
    ...{ method, silenceMs: PATIENCE_MS },
    headers: { 'content-type': 'application/json', 'Node-RED-API-Version': 'v1' },
    ...(method === 'POST' && { body: JSON.stringify(body) }),
  };
  const { status, body: text } = await board.fetch(`${URL}/${path}`, options);
  const answer = text === '' ? null : JSON.parse(text);
  if (status >= 400 || typeof answer?.message === 'string') throw new Error(`${path}: ${status} ${text.slice(0, 600)}`);
  return answer as Answer;
}
