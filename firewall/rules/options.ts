/** An iptables rule taken apart into its options, as `iptables-save` prints them and as ufw's files have them. */

export interface Option {
  /** With its dashes, in the form `iptables-save` uses where there are several. */
  name: string;
  values: readonly string[];
  negated: boolean;
}

const SYNONYMS: Readonly<Record<string, string>> = {
  '--protocol': '-p',
  '--proto': '-p',
  '--source': '-s',
  '--src': '-s',
  '--destination': '-d',
  '--dst': '-d',
  '--in-interface': '-i',
  '--out-interface': '-o',
  '--jump': '-j',
  '--goto': '-g',
  '--match': '-m',
  '--fragment': '-f',
  '--state': '--ctstate',
  '--source-port': '--sport',
  '--destination-port': '--dport',
  '--source-ports': '--sports',
  '--destination-ports': '--dports',
};

/** Options whose number of values is known: a value may look like an option, as in `--comment -j`. */
const VALUES = new Map<string, number>([
  ...['-f', '--syn', '--limit-iface-in', '--limit-iface-out', '--notrack', '--random', '--random-fully'].map(none),
  ...['--persistent', '--set', '--rcheck', '--update', '--remove', '--rttl', '--rsource', '--rdest'].map(none),
  ...['-p', '-s', '-d', '-i', '-o', '-j', '-g', '-m', '--ctstate', '--sport', '--dport', '--sports'].map(one),
  ...['--dports', '--ports', '--src-range', '--dst-range', '--src-type', '--dst-type', '--tcp-option'].map(one),
  ...['--icmp-type', '--icmpv6-type', '--comment', '--log-prefix', '--nflog-prefix', '--ulog-prefix'].map(one),
  ...['--string', '--hex-string', '--algo', '--name', '--hashlimit-name', '--seconds', '--hitcount'].map(one),
  ...['--reject-with', '--to-destination', '--to-ports', '--header', '--helper', '--label'].map(one),
  ['--tcp-flags', 2],
  ['--match-set', 2],
]);

function none(name: string): [string, number] {
  return [name, 0];
}
function one(name: string): [string, number] {
  return [name, 1];
}

/** The options of a rule's text without `-A CHAIN`. A word that belongs to none is an option without values. */
export function optionsOf(spec: string): Option[] {
  const words = wordsOf(spec);
  const options: Option[] = [];
  let negated = false;
  for (let at = 0; at < words.length; ) {
    const word = words[at++] ?? '';
    if (word === '!') {
      negated = true;
      continue;
    }
    const name = SYNONYMS[word] ?? word;
    const count = VALUES.get(name);
    const from = at;
    if (count !== undefined) at = Math.min(from + count, words.length);
    else while (at < words.length && !/^(?:-|!$)/.test(words[at] ?? '')) at++;
    options.push({ name, values: words.slice(from, at).map(unquoted), negated });
    negated = false;
  }
  return options;
}

/** Splits at spaces outside quotes; what was in quotes still has them. */
function wordsOf(spec: string): string[] {
  if (!spec.includes('"') && !spec.includes("'")) return spec.split(' ').filter((word) => word !== '');
  return spec.match(/"(?:\\.|[^"\\])*"|'[^']*'|\S+/gs) ?? [];
}

const unquoted = (word: string): string =>
  /^(?:".*"|'.*')$/s.test(word) ? word.slice(1, -1).replace(/\\(.)/gs, '$1') : word;
