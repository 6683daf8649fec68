/** The engine inside a device: a program of its own there, asked from the test over its standard streams. */
import { join } from 'node:path';
import type { FleetResult } from '../../firewall/fleet/answer';
import type { Limits } from '../../firewall/fleet/fleet';
import type {
  BackupReport,
  ChangeResult,
  Confirmation,
  Evidence,
  History,
  LearnResult,
  OutlookReport,
  ScheduleResult,
  State,
  WatchEvent,
} from '../../firewall/results';
import type { Edit, EngineAnswer, EngineCall, EngineTold } from './engine-inside';
import type { InsideProcess } from './inside-process';
import type { Machine } from './machine';
import type { RunOptions } from './protocol';

/** An error as the engine threw it: its code and message. */
export class EngineError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export class Engine {
  private readonly waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private last = 0;
  /** How many steps the engine has made, where STEP in its environment has them counted. */
  steps = 0;
  private text = '';
  /** What its watch has told so far. */
  readonly events: WatchEvent[] = [];
  readonly troubles: (string | null)[] = [];
  /** What the engine has said by itself. */
  readonly said: string[] = [];
  /** How often the watch has read the firewall. */
  readings = 0;
  /**
   * The clock of this engine, as EngineClock has it; not that of other programs it starts, nor of systemd. What is asked of
   * the engine afterwards comes after whatever this has woken it for.
   */
  readonly clock = {
    advance: (seconds: number) => this.call({ method: 'advance', request: seconds }) as Promise<void>,
    setWall: (seconds: number) => this.call({ method: 'setWall', request: seconds }) as Promise<void>,
  };

  /** Starts the engine in the device with the given settings of the node `smartserver`. */
  static async start(
    device: Machine,
    settings: Record<string, unknown> = {},
    options: RunOptions = {},
  ): Promise<Engine> {
    const compiled = (name: string) => device.inside(join(__dirname, name));
    const preload = options.env?.STEP === undefined ? [] : ['-r', compiled('steps.js')];
    const argv = [device.node, ...preload, compiled('engine-inside.js'), JSON.stringify(settings)];
    return new Engine(await device.spawn(argv, options));
  }

  private constructor(readonly process: InsideProcess) {
    let said = '';
    process.on('stdout', (chunk: string) => this.receive(chunk));
    process.on('stderr', (chunk: string) => {
      said = (said + chunk).slice(-4000);
      for (const [, step] of chunk.matchAll(/^step (\d+)$/gm)) this.steps = Math.max(this.steps, Number(step));
    });
    process.on('end', () => {
      for (const { reject } of this.waiting.values()) reject(new Error(`The engine ended: ${said}`));
      this.waiting.clear();
    });
  }

  read(csaf?: unknown): Promise<State> {
    return this.call({ method: 'read', request: { csaf } }) as Promise<State>;
  }

  setProfile(request: unknown = {}): Promise<ChangeResult> {
    return this.call({ method: 'setProfile', request }) as Promise<ChangeResult>;
  }

  toggleService(request: unknown = {}): Promise<ChangeResult> {
    return this.call({ method: 'toggleService', request }) as Promise<ChangeResult>;
  }

  changeWebPorts(request: unknown = {}): Promise<ChangeResult> {
    return this.call({ method: 'changeWebPorts', request }) as Promise<ChangeResult>;
  }

  confirm(request: unknown = {}): Promise<Confirmation> {
    return this.call({ method: 'confirm', request }) as Promise<Confirmation>;
  }

  restore(request: unknown = {}): Promise<ChangeResult> {
    return this.call({ method: 'restore', request }) as Promise<ChangeResult>;
  }

  schedule(request: unknown): Promise<ScheduleResult> {
    return this.call({ method: 'schedule', request }) as Promise<ScheduleResult>;
  }

  unschedule(request: unknown): Promise<ScheduleResult> {
    return this.call({ method: 'unschedule', request }) as Promise<ScheduleResult>;
  }

  override(request: unknown): Promise<ScheduleResult> {
    return this.call({ method: 'override', request }) as Promise<ScheduleResult>;
  }

  /** The answer to an operator's request. */
  fleet(envelope: unknown, limits?: Limits): Promise<FleetResult> {
    return this.call({ method: 'fleet', request: { envelope, limits } }) as Promise<FleetResult>;
  }

  history(request: unknown = {}): Promise<History> {
    return this.call({ method: 'history', request }) as Promise<History>;
  }

  evidence(): Promise<Evidence> {
    return this.call({ method: 'evidence', request: {} }) as Promise<Evidence>;
  }

  backups(): Promise<BackupReport[]> {
    return this.call({ method: 'backups', request: {} }) as Promise<BackupReport[]>;
  }

  outlook(request: unknown = {}): Promise<OutlookReport> {
    return this.call({ method: 'outlook', request }) as Promise<OutlookReport>;
  }

  learn(request: unknown = {}): Promise<LearnResult> {
    return this.call({ method: 'learn', request }) as Promise<LearnResult>;
  }

  /** Takes back what died, and ends what has come due; what it says of that. */
  resume(): Promise<string[]> {
    return this.call({ method: 'resume', request: {} }) as Promise<string[]>;
  }

  /** Changes single rules through the engine's transaction, with ufw's own semantics. True where anything changed. */
  edit(edits: readonly Edit[]): Promise<boolean> {
    return this.call({ method: 'edit', request: edits }) as Promise<boolean>;
  }

  /** Begins to watch; what is told is in `events`, `troubles` and `readings`. */
  watch(options: unknown = {}): Promise<void> {
    return this.call({ method: 'watch', request: options }) as Promise<void>;
  }

  unwatch(): Promise<void> {
    return this.call({ method: 'unwatch', request: {} }) as Promise<void>;
  }

  async stop(): Promise<void> {
    this.process.endInput();
    await this.process.exited;
  }

  private call(call: Omit<EngineCall, 'id'>): Promise<unknown> {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.process.write(`${JSON.stringify({ id, ...call })}\n`);
    });
  }

  private receive(chunk: string): void {
    const lines = (this.text + chunk).split('\n');
    this.text = lines.pop() ?? '';
    for (const line of lines) {
      const answer = JSON.parse(line) as EngineAnswer & EngineTold;
      if (answer.event) this.events.push(answer.event);
      if (answer.trouble !== undefined) this.troubles.push(answer.trouble);
      if (answer.readAt !== undefined) this.readings += 1;
      if (answer.said !== undefined) this.said.push(answer.said);
      const caller = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      if (answer.error) caller?.reject(new EngineError(answer.error.code, answer.error.message));
      else caller?.resolve(answer.result);
    }
  }
}
