/**
 * Around the board: the neighbour's ends of its cables, and the emulator that is plugged into them. Runs in namespaces of its own, of
 * which nothing is left when it ends, and ends when the host's process does.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { INSIDE, relayed } from '../device/around';
import { Line } from '../device/line';
import { mac, names } from '../device/network';
import { check, run } from '../device/processes';
import type { HostMethods, NeighbourMethods } from '../device/protocol';
import { Channel, type Methods } from '../device/rpc';
import { PAYLOAD, PORT } from './names';
import type { BoardMethods, BoardPlan, ResidentHostMethods, ResidentMethods } from './protocol';

/** How long it may take from power to everything started, in milliseconds. */
const BOOT_MS = 600_000;

let plan: BoardPlan | undefined;
let emulator: ChildProcess | undefined;
let inside: Channel<ResidentMethods> | undefined;
/** The host's numbers of the programs that run inside. */
const spawned = new Set<number>();

// In this network namespace: the neighbour is what the taps end in.
const neighbourProcess = fork(join(__dirname, '..', 'device', 'neighbour.js'), { serialization: 'advanced' });
const neighbour = new Channel<NeighbourMethods>(neighbourProcess, {});

async function start(wanted: BoardPlan): Promise<void> {
  plan = wanted;
  const taps = names.flatMap((name) => [
    `tuntap add dev ${name} mode tap`,
    `link set dev ${name} address ${mac(name, 'neighbour')}`,
  ]);
  check(['ip', '-batch'], await run(['ip', '-batch', '-'], { input: `${taps.join('\n')}\n` }));
  await neighbour.call('configure');
}

const file = (name: string): string => join((plan as BoardPlan).folder, name);

function command(): string[] {
  const { image } = plan as BoardPlan;
  // The kernel finds these in the opposite order.
  const cables = [...names]
    .reverse()
    .flatMap((name) => [
      ...['-netdev', `tap,id=${name},ifname=${name},script=no,downscript=no`],
      ...['-device', `virtio-net-device,netdev=${name},mac=${mac(name, 'device')}`],
    ]);
  const drive = (id: string, options: string): string[] => [
    ...['-drive', `id=${id},if=none,${options}`],
    ...['-device', `virtio-blk-device,drive=${id},serial=${id}`],
  ];
  return [
    ...['-machine', 'virt', '-cpu', 'cortex-a15', '-m', '768', '-no-reboot', '-nodefaults', '-display', 'none'],
    ...[
      '-kernel',
      image.kernel,
      '-initrd',
      image.initrd,
      '-append',
      'root=LABEL=root rw net.ifnames=0 console=ttyAMA0 quiet systemd.show_status=false',
    ],
    ...['-serial', `file:${file('console')}`],
    ...drive('root', `file=${file('disk')},format=qcow2`),
    ...drive(PAYLOAD, `file=${file('payload')},format=raw,readonly=on`),
    ...cables,
    ...['-device', 'virtio-rng-device', '-device', 'virtio-serial-device'],
    ...['-chardev', `socket,id=${PORT},path=${file(PORT)},server=on,wait=off`],
    ...['-device', `virtserialport,chardev=${PORT},name=${PORT}`],
  ];
}

async function boot(): Promise<void> {
  if (emulator) throw new Error('The board is on.');
  // That of a board that was killed.
  await rm(file(PORT), { force: true });
  const own = spawn('qemu-system-arm', command(), { cwd: '/', stdio: ['ignore', 'inherit', 'inherit'] });
  emulator = own;
  const over = once(own, 'exit').then(() => goneDown());
  const timer = setTimeout(() => own.kill('SIGKILL'), BOOT_MS);
  await Promise.race([comeUp(), over.then(fail)]);
  clearTimeout(timer);
}

async function fail(): Promise<never> {
  throw new Error(`The board did not start. ${(await readFile(file('console'), 'utf8')).slice(-4000)}`);
}

async function comeUp(): Promise<void> {
  while (!existsSync(file(PORT))) await pause(20);
  const socket = createConnection(file(PORT));
  let tell = (): void => undefined;
  const here = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const methods: ResidentHostMethods = {
    here: tell,
    output: (...args) => channel.notify('output', ...args),
    exited,
  };
  const line = new Channel<ResidentMethods>(new Line(socket, socket), methods);
  socket.on('close', () => line.lose(new Error('The board has gone down.')));
  await here;
  inside = line;
  await line.call('run', ['systemctl', 'is-system-running', '--wait'], { timeoutMs: BOOT_MS });
}

function exited(id: number, code: number | null, signal: string | null): void {
  spawned.delete(id);
  channel.notify('exited', id, code, signal);
}

function goneDown(): void {
  emulator = undefined;
  inside = undefined;
  for (const id of spawned) exited(id, null, 'SIGKILL');
}

async function cutPower(): Promise<void> {
  if (!emulator) throw new Error('The board is off.');
  const gone = once(emulator, 'exit');
  emulator.kill('SIGKILL');
  await gone;
}

function isOn(): Channel<ResidentMethods> {
  if (!inside) throw new Error('The board is off.');
  return inside;
}

const methods: BoardMethods = {
  start,
  boot,
  cutPower,
  ...relayed([...INSIDE, 'fetch'], isOn),
  async spawn(id, argv, options) {
    spawned.add(id);
    return isOn().call('spawn', id, argv, options);
  },
  input: (id, data) => inside?.notify('input', id, data),
  kill: (id, signal) => inside?.notify('kill', id, signal),
  forward: () =>
    Promise.reject(new Error('A board shares no socket with its host; ask with `fetch` what listens there.')),
  neighbour: (method, args) => (neighbour as unknown as Channel<Methods<NeighbourMethods>>).call(method, ...args),
};

const channel = new Channel<HostMethods>(process, methods);
process.on('disconnect', () => process.exit());
