/**
 * Outside of the container and around it: lays its layers over each other, boots it, and cuts its power. Runs in
 * namespaces of its own, of which nothing is left when it ends, and ends when the host's process does.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, join } from 'node:path';
import { INSIDE, relayed } from '../around';
import { plug } from '../network';
import { check, run } from '../processes';
import type { HostMethods, InsideMethods, NeighbourMethods } from '../protocol';
import { Channel, type Methods } from '../rpc';
import { Boot } from './boot';
import { groupNames, groupsFolder, limitTime, removeGroup, timeFolder } from './groups';
import type { SupervisorMethods, SupervisorPlan } from './protocol';

const neighbourProcess = spawn('unshare', ['--net', process.execPath, join(__dirname, '..', 'neighbour.js')], {
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  serialization: 'advanced',
});
neighbourProcess.on('exit', (code, signal) => {
  throw new Error(`The neighbour ended with ${signal ?? code}.`);
});
const neighbour = new Channel<NeighbourMethods>(neighbourProcess, {});

let plan: SupervisorPlan | undefined;
let current: Boot | undefined;
let ending = false;

/** A new `/run` keeps systemd-nspawn's locks here, and the unified hierarchy is what it looks for. */
const script = `
set -e
mount -t overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
mount -t tmpfs -o mode=755 tmpfs /run
mount -t cgroup2 cgroup2 ${groupsFolder}
if ! grep -qw cpu ${groupsFolder}/cgroup.controllers; then
  mkdir ${timeFolder}
  mount -t cgroup -o cpu cgroup ${timeFolder}
fi
`;

async function start(wanted: SupervisorPlan): Promise<void> {
  plan = wanted;
  const [, mounted] = await Promise.all([layCables(), run(['sh', '-c', script, 'sh', plan.folder, plan.tree])]);
  check(['mount'], mounted);
}

/** While the device is off its ends of the cables are here, down. */
async function layCables(): Promise<void> {
  // A process that answers is past the `unshare`: its namespace is there.
  await neighbour.call('run', ['true'], {});
  await plug(neighbourProcess.pid as number);
  await neighbour.call('configure');
}

async function boot(): Promise<void> {
  if (current) throw new Error('The device is on.');
  await powerOn().ready;
}

function powerOn(): Boot {
  if (!plan) throw new Error('The device was not started.');
  const boot = new Boot(plan, (argv) => neighbour.call('run', argv, {}), host);
  current = boot;
  void boot.over.then((again) => {
    current = undefined;
    if (again && !ending) powerOn();
  });
  return boot;
}

function isOn(): Boot {
  if (!current) throw new Error('The device is off.');
  return current;
}

async function nextBoot(): Promise<void> {
  await isOn().over;
  await isOn().ready;
}

const methods: SupervisorMethods = {
  start,
  boot,
  nextBoot,
  groups: groupNames,
  removeGroup,
  limitTime: (percent) => limitTime(basename((plan as SupervisorPlan).folder), percent),
  cutPower: () => isOn().cut(),
  // Once the device is up.
  ...relayed<InsideMethods, (typeof INSIDE)[number]>(INSIDE, () => isOn().ready),
  async spawn(id, argv, options) {
    const boot = isOn();
    const inside = await boot.ready;
    boot.expect(id);
    return inside.call('spawn', id, argv, options);
  },
  input: (id, data) => current?.notify('input', id, data),
  kill: (id, signal) => current?.notify('kill', id, signal),
  async forward(port) {
    const inside = await isOn().ready;
    const { id, path } = await inside.call('forward', port);
    return { id, path: join((plan as SupervisorPlan).folder, 'shared', basename(path)) };
  },
  neighbour: (method, args) => (neighbour as unknown as Channel<Methods<NeighbourMethods>>).call(method, ...args),
};

const channel = new Channel<HostMethods>(process, methods);
const host: HostMethods = {
  output: (...args) => channel.notify('output', ...args),
  exited: (...args) => channel.notify('exited', ...args),
};

/** Leaves nothing: a control group outlives the processes that were in it. */
async function end(): Promise<void> {
  ending = true;
  channel.lose(new Error('The host is gone.'));
  neighbourProcess.removeAllListeners('exit');
  await current?.cut();
  neighbourProcess.kill('SIGKILL');
  await once(neighbourProcess, 'exit');
  process.exit();
}

process.on('disconnect', () => void end());
