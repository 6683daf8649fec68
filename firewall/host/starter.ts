/**
 * Starts programs. Where Node.js starts one itself, its whole memory is mapped anew: 1 ms for a small process, 3 to 6 ms for a
 * Node-RED, in which nothing else happens there. So it starts one small program, which starts what a request needs and stays for
 * the next one for a moment. The figures are in docs/decisions/starting-programs.md.
 */
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import execa, { type ExecaChildProcess } from 'execa';
import { allowUnreadInput, ENVIRONMENT, ending } from './child';

/**
 * Is told `r NUMBER INPUT-LENGTH ARGUMENT-LENGTH…` and these bytes, where an input length of -1 is none; or `k NUMBER SIGNAL`; or
 * `t NUMBER`, see `nftTables`. Tells what a program prints, `o NUMBER LENGTH` and `e NUMBER LENGTH` with the bytes, and its end,
 * `x NUMBER STATUS`, as wait(2) has it. A pipe that can be written to takes 4096 bytes: nothing makes it wait for a program. It
 * ends with its input. Its constants are the kernel's in netlink.h, nfnetlink.h and nf_tables.h: AF_NETLINK 16, SOCK_RAW 3,
 * NETLINK_NETFILTER 12; NFT_MSG_GETCHAIN and NFT_MSG_NEWCHAIN of NFNL_SUBSYS_NFTABLES, 0xa04 and 0xa03; NLM_F_REQUEST and
 * NLM_F_DUMP, 0x301; NLM_F_DUMP_INTR, 0x10; NLMSG_ERROR 2, NLMSG_DONE 3; NFTA_CHAIN_TABLE 1.
 */
const STARTER = `
my (%running, $said);
$SIG{PIPE} = 'IGNORE';
$SIG{TERM} = sub { kill 'TERM', map { $_->{pid} } values %running; exit };
sub tell_ {
  my ($what, $number, $more, $bytes) = @_;
  my $all = "$what $number $more\\n$bytes";
  for (my $at = 0; $at < length $all;) { $at += syswrite(STDOUT, $all, length($all) - $at, $at) || exit }
}
sub launch {
  my ($argv, $text) = @_;
  my %one = (text => $text);
  my ($in, $out, $err, $pid);
  return unless (!defined $text || pipe $in, $one{in}) && pipe($one{o}, $out) && pipe($one{e}, $err);
  return unless defined($pid = fork);
  if ($pid) { $one{pid} = $pid; return \\%one }
  $SIG{$_} = 'DEFAULT' for 'PIPE', 'TERM';
  defined $text ? open STDIN, '<&', $in : open STDIN, '<', '/dev/null';
  open STDOUT, '>&', $out;
  open STDERR, '>&', $err;
  exec { $argv->[0] } @$argv or print STDERR "$!\\n";
  exit 127;
}
sub tables {
  my ($tries) = @_;
  socket my $kernel, 16, 3, 12 or return;
  send $kernel, pack('L S S L L C C S', 20, 0xa04, 0x301, 1, 0, 0, 0, 0), 0 or return;
  my %found;
  while (defined recv $kernel, my $got, 65536, 0) {
    while (length $got >= 16) {
      my ($length, $type, $flags) = unpack 'L S S', $got;
      return $tries > 1 ? tables($tries - 1) : undef if $flags & 0x10;
      return \\%found if $type == 3;
      my $one = substr $got, 0, $length + 3 & ~3, '';
      if ($type == 2) { $! = -unpack 'l', substr $one, 16; return }
      for (my $at = 20; $type == 0xa03 && $at + 4 < $length;) {
        my ($size, $kind) = unpack 'S S', substr $one, $at;
        $found{ord(substr $one, 16) . ' ' . unpack 'Z*', substr $one, $at + 4, $size - 4} = 1 if $kind == 1;
        $at += $size + 3 & ~3 || 4;
      }
    }
  }
  return;
}
while (1) {
  my ($read, $write, $pause) = ('', '');
  vec($read, 0, 1) = 1;
  for my $one (values %running) {
    vec($read, fileno $one->{$_}, 1) = 1 for grep { $one->{$_} } 'o', 'e';
    vec($write, fileno $one->{in}, 1) = 1 if $one->{in};
    $pause = 0.002 unless $one->{o} || $one->{e};
  }
  next if select($read, $write, undef, $pause) < 0;
  while (my ($number, $one) = each %running) {
    for (grep { $one->{$_} && vec $read, fileno $one->{$_}, 1 } 'o', 'e') {
      if (sysread $one->{$_}, my $bytes, 65536) { tell_($_, $number, length $bytes, $bytes) }
      else { close delete $one->{$_} }
    }
    if ($one->{in} && vec $write, fileno $one->{in}, 1) {
      my $done = syswrite $one->{in}, $one->{text}, 4096;
      substr $one->{text}, 0, $done || length $one->{text}, '';
      close delete $one->{in} if $one->{text} eq '';
    }
    next if $one->{o} || $one->{e} || waitpid($one->{pid}, 1) != $one->{pid};
    tell_('x', $number, $?, '');
    delete $running{$number};
  }
  next unless vec $read, 0, 1;
  sysread STDIN, $said, 65536, length $said or exit;
  while ($said =~ /^([rkt]) (\\d+) ([^\\n]*)\\n/) {
    my ($what, $number, $rest, $begin) = ($1, $2, $3, length $&);
    my ($first, @lengths) = split / /, $rest;
    my $end = $begin;
    if ($what eq 'k') { kill $first, $running{$number}{pid} if $running{$number} }
    elsif ($what eq 't') {
      my $found = tables(20);
      my $names = join "\\0", keys %$found;
      tell_('o', $number, length $names, $names);
      tell_('x', $number, $found ? 0 : 256, '');
    }
    else {
      $end += $_ for @lengths, $first < 0 ? 0 : $first;
      last if length $said < $end;
      my @argv = map { my $from = $begin; $begin += $_; substr $said, $from, $_ } @lengths;
      my $one = launch(\\@argv, $first < 0 ? undef : substr $said, $begin, $first);
      if ($one) { $running{$number} = $one }
      else { tell_('e', $number, length "$!", "$!"); tell_('x', $number, 127 << 8, '') }
    }
    substr $said, 0, $end, '';
  }
}
`;

/** How a program ended. */
export interface Ended {
  /** Null where a signal ended it. */
  code: number | null;
  /** The signal's number; 0 for none. */
  signal: number;
  /** What it printed. */
  stdout: Buffer;
  stderr: Buffer;
}

/** A program that was started. */
export interface Program {
  /** An error where the starter itself could not be started, or was killed. */
  ended: Promise<Ended | Error>;
  /** Lets it go: it is sent SIGTERM, and nobody waits for it any longer. */
  leave(): void;
}

interface Heard {
  o: Buffer[];
  e: Buffer[];
  size: number;
  end(how: Ended | Error): void;
}

/** How long the starter stays for the next program, in ms. */
const IDLE_MS = 1000;
/** One that prints more is ended, in bytes. */
export const MAX_OUTPUT = 64 * 1024 * 1024;
const LINE_END = 10;

class Starter {
  isUsable = true;
  readonly #child: ExecaChildProcess;
  readonly #running = new Map<number, Heard>();
  #count = 0;
  /** What has come of a message that is not complete. */
  #rest: Buffer = Buffer.alloc(0);
  #idle: NodeJS.Timeout | undefined;

  constructor() {
    this.#child = execa('perl', ['-e', STARTER], {
      ...{ env: ENVIRONMENT, extendEnv: false, reject: false, buffer: false, stderr: 'ignore' },
    });
    allowUnreadInput(this.#child);
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#hear(chunk));
    void ending(this.#child).then((result) => {
      this.isUsable = false;
      const error = result instanceof Error ? result : new Error('it ended');
      for (const { end } of this.#running.values()) end(error);
      this.#running.clear();
    });
  }

  start(argv: readonly string[], input: Buffer | undefined): Program {
    const parts = argv.map((one) => Buffer.from(one));
    const lengths = [input?.length ?? -1, ...parts.map(({ length }) => length)];
    return this.ask('r', lengths.join(' '), ...parts, ...(input ? [input] : []));
  }

  ask(what: 'r' | 't', more: string, ...bytes: Buffer[]): Program {
    const number = ++this.#count;
    const ended = new Promise<Ended | Error>((end) => {
      this.#running.set(number, { o: [], e: [], size: 0, end });
    });
    this.#say(`${what} ${number} ${more}\n`, ...bytes);
    this.#stay();
    const leave = (): void => {
      this.#say(`k ${number} TERM\n`);
      this.#forget(number);
    };
    return { ended, leave };
  }

  #say(line: string, ...bytes: Buffer[]): void {
    this.#child.stdin?.write(Buffer.concat([Buffer.from(line), ...bytes]));
  }

  /** While a program runs, this process does not end by itself; while none does, nothing keeps it. */
  #stay(): void {
    const [stdin, stdout] = [this.#child.stdin as Socket | null, this.#child.stdout as Socket | null];
    const keep = this.#running.size > 0 ? 'ref' : 'unref';
    for (const one of [this.#child, stdin, stdout]) one?.[keep]();
    if (this.#idle) clearTimeout(this.#idle);
    this.#idle = this.#running.size > 0 ? undefined : setTimeout(() => this.#retire(), IDLE_MS).unref();
  }

  #retire(): void {
    this.isUsable = false;
    this.#child.stdin?.end();
  }

  #forget(number: number): void {
    if (this.#running.delete(number)) this.#stay();
  }

  #hear(chunk: Buffer): void {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END)) {
      const [what, number, more] = bytes.toString('latin1', 0, end).split(' ');
      const next = end + 1 + (what === 'x' ? 0 : Number(more));
      if (bytes.length < next) break;
      if (what === 'x') this.#finish(Number(number), Number(more));
      else this.#collect(Number(number), what === 'e' ? 'e' : 'o', bytes.subarray(end + 1, next));
      bytes = bytes.subarray(next);
    }
    this.#rest = bytes;
  }

  #collect(number: number, stream: 'o' | 'e', bytes: Buffer): void {
    const one = this.#running.get(number);
    if (!one) return;
    one.size += bytes.length;
    if (one.size > MAX_OUTPUT) this.#say(`k ${number} KILL\n`);
    else one[stream].push(bytes);
  }

  #finish(number: number, status: number): void {
    const one = this.#running.get(number);
    const signal = status & 0x7f;
    const [stdout, stderr] = [Buffer.concat(one?.o ?? []), Buffer.concat(one?.e ?? [])];
    one?.end({ code: signal === 0 ? status >> 8 : null, signal, stdout, stderr });
    this.#forget(number);
  }
}

let current: Starter | undefined;

/** The one that is there, or a new one. */
function starter(): Starter {
  if (!current?.isUsable) current = new Starter();
  return current;
}

/**
 * Starts a program with an argument list; never through a shell.
 * @returns null where there is no such program
 */
export function startProgram(program: string, args: readonly string[], input?: Buffer): Program | null {
  const path = pathOf(program);
  if (path === null) return null;
  // What Node.js refuses, too: a program would see half of it.
  if ([path, ...args].some((one) => one.includes('\0')))
    throw new TypeError(`An argument of ${program} has a NUL in it.`);
  return starter().start([path, ...args], input);
}

/**
 * Asks the kernel for the tables of nftables that have chains, by `FAMILY-NUMBER NAME`, with a NUL between them. No program need be
 * there for it, and none is started; but for the tables' names and chains nothing is read, where `nft list tables` reads all rules.
 */
export const askTables = (): Program => starter().ask('t', '');

/** Where a program is; null where it is not. */
export const pathOf = (program: string): string | null =>
  (program.includes('/') ? [program] : ENVIRONMENT.PATH.split(':').map((folder) => join(folder, program))).find(
    (path) => existsSync(path),
  ) ?? null;
