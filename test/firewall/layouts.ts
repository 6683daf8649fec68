/**
 * Rule files as ufw wrote them in the course of time, made up for the tests. What differs is told by ufw's change log: 0.27
 * brought the logging chains and took the RETURN lines away, 0.29 the direction in the tuple, 0.30 the logging lines, 0.33
 * limits for IPv6 (where the kernel has them), 0.34 `conntrack` for `state` and routed rules, 0.35 comments.
 */
import type { Family } from '../../firewall/rules/rule';

export interface Layout {
  name: string;
  files: Readonly<Record<Family, string>>;
}

const TRIO = ['input', 'output', 'forward'];
const kinds = (...names: string[]): string[] => names.flatMap((name) => TRIO.map((chain) => `${name}-${chain}`));
const LOGGING_CHAINS = [...kinds('before-logging', 'user-logging', 'after-logging'), 'logging-deny', 'logging-allow'];
const LIMIT_CHAINS = ['user-limit', 'user-limit-accept'];

const prefixOf = (family: Family): string => (family === 'ipv4' ? 'ufw' : 'ufw6');
const anywhere = (family: Family): string => (family === 'ipv4' ? '0.0.0.0/0' : '::/0');

function head(family: Family, chains: readonly string[]): string {
  const declared = [...kinds('user'), ...chains].map((chain) => `:${prefixOf(family)}-${chain} - [0:0]\n`);
  return `*filter\n${declared.join('')}### RULES ###\n`;
}

/** A tuple and its lines; `$` stands for the prefix of the family's chains. */
const rule = (family: Family, tuple: string, ...lines: string[]): string =>
  `\n### tuple ### ${tuple.replace(/any addr/g, anywhere(family))}\n${lines
    .map((line) => `${line.replace(/\$/g, prefixOf(family))}\n`)
    .join('')}`;

function limitLines(family: Family, log: string): string {
  const limit = `-A ${prefixOf(family)}-user-limit`;
  return `${limit} -m limit --limit 3/minute -j LOG --log-prefix "${log}"\n${limit} -j REJECT\n${limit}-accept -j ACCEPT\n`;
}

/** The logging section of level low under the factory policies, with the module that tells a connection's state. */
function logging(family: Family, state: string): string {
  const prefix = prefixOf(family);
  const limit = '-m limit --limit 3/min --limit-burst 10';
  return [
    '\n### LOGGING ###',
    ...TRIO.map((chain) => `-A ${prefix}-after-logging-${chain} -j LOG --log-prefix "[UFW BLOCK] " ${limit}`),
    `-I ${prefix}-logging-deny ${state} INVALID -j RETURN ${limit}`,
    `-A ${prefix}-logging-deny -j LOG --log-prefix "[UFW BLOCK] " ${limit}`,
    `-A ${prefix}-logging-allow -j LOG --log-prefix "[UFW ALLOW] " ${limit}`,
    '### END LOGGING ###\n',
  ].join('\n');
}

const limiting = (family: Family): string =>
  `\n### RATE LIMITING ###\n${limitLines(family, '[UFW LIMIT BLOCK] ')}### END RATE LIMITING ###\n`;

const CONNTRACK = '-m conntrack --ctstate';
const STATE = '-m state --state';

const logged = (state: string): string[] => [
  `-A $-user-logging-input -p tcp --dport 23 ${state} NEW -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "`,
  '-A $-user-logging-input -p tcp --dport 23 -j RETURN',
  '-A $-user-input -p tcp --dport 23 -j $-user-logging-input',
  '-A $-user-input -p tcp --dport 23 -j DROP',
];
const limited = (state: string): string[] => [
  `-A $-user-input -p tcp --dport 22 ${state} NEW -m recent --set`,
  `-A $-user-input -p tcp --dport 22 ${state} NEW -m recent --update --seconds 30 --hitcount 6 -j $-user-limit`,
  '-A $-user-input -p tcp --dport 22 -j $-user-limit-accept',
];
const SSH = ['-A $-user-input -p tcp --dport 22 -j ACCEPT'];
const HTTPS = ['-A $-user-input -p tcp --dport 443 -j ACCEPT', '-A $-user-input -p udp --dport 443 -j ACCEPT'];
const APP = ["-A $-user-input -p tcp -m multiport --dports 80,443 -j ACCEPT -m comment --comment 'dapp_Web%20Full'"];
const OUT = ['-A $-user-output -o eth0 -p udp --dport 123 -j ACCEPT'];
const ROUTED = ['-A $-user-forward -i eth0 -o eth1 -j DROP'];

/** Rules of both families by a function, of which IPv4 has one with a limit and IPv6 none. */
const both = (text: (family: Family, ssh: (state: string) => [string, ...string[]]) => string): Layout['files'] => ({
  ipv4: text('ipv4', (state) => ['limit', ...limited(state)]),
  ipv6: text('ipv6', () => ['allow', ...SSH]),
});

const RELEASES: readonly Layout[] = [
  {
    name: '0.34 to 0.36.2, on a kernel that cannot limit IPv6',
    files: both((family, ssh) => {
      const [action, ...lines] = ssh(CONNTRACK);
      const limits = family === 'ipv4';
      return [
        head(family, [...LOGGING_CHAINS, ...(limits ? LIMIT_CHAINS : [])]),
        rule(
          family,
          `${action} tcp 22 any addr any any addr in comment=${Buffer.from('Aufzug').toString('hex')}`,
          ...lines,
        ),
        rule(family, 'deny_log tcp 23 any addr any any addr in', ...logged(CONNTRACK)),
        rule(family, 'allow tcp 80,443 any addr any any addr Web%20Full - in', ...APP),
        rule(family, 'allow udp 123 any addr any any addr out_eth0', ...OUT),
        rule(family, 'route:deny any any any addr any any addr in_eth0!out_eth1', ...ROUTED),
        '\n### END RULES ###\n',
        logging(family, CONNTRACK),
        limits ? limiting(family) : '',
        'COMMIT\n',
      ].join('');
    }),
  },
  {
    name: '0.30 to 0.33',
    files: both((family, ssh) => {
      const [action, ...lines] = ssh(STATE);
      const limits = family === 'ipv4';
      return [
        head(family, [...LOGGING_CHAINS, ...(limits ? LIMIT_CHAINS : [])]),
        rule(family, `${action} tcp 22 any addr any any addr in`, ...lines),
        rule(family, 'deny_log tcp 23 any addr any any addr in', ...logged(STATE)),
        rule(family, 'allow tcp 80,443 any addr any any addr Web%20Full - in', ...APP),
        rule(family, 'allow udp 123 any addr any any addr out_eth0', ...OUT),
        '\n### END RULES ###\n',
        logging(family, STATE),
        limits ? limiting(family) : '',
        'COMMIT\n',
      ].join('');
    }),
  },
  {
    name: '0.27 and 0.28',
    files: both((family, ssh) => {
      const [action, ...lines] = ssh(STATE);
      const limits = family === 'ipv4';
      return [
        head(family, [...LOGGING_CHAINS, ...(limits ? LIMIT_CHAINS : [])]),
        rule(family, `${action} tcp 22 any addr any any addr`, ...lines),
        rule(family, 'deny_log tcp 23 any addr any any addr', ...logged(STATE)),
        rule(family, 'allow tcp 80,443 any addr any any addr Web%20Full -', ...APP),
        '\n### END RULES ###\n',
        limits ? limitLines(family, '[UFW LIMIT BLOCK] ') : '',
        'COMMIT\n',
      ].join('');
    }),
  },
  {
    name: 'before 0.27',
    files: both((family, ssh) => {
      const [action, ...lines] = ssh(STATE);
      const limits = family === 'ipv4';
      return [
        head(family, limits ? LIMIT_CHAINS : []),
        rule(family, `${action} tcp 22 any addr any any addr`, ...lines),
        rule(family, 'allow any 443 any addr any any addr', ...HTTPS),
        rule(family, 'allow tcp 80,443 any addr any any addr Web%20Full -', ...APP),
        '\n### END RULES ###\n',
        ...TRIO.map((chain) => `-A ${prefixOf(family)}-user-${chain} -j RETURN\n`),
        limits ? limitLines(family, '[UFW LIMIT]: ') : '',
        'COMMIT\n',
      ].join('');
    }),
  },
];

/** A file that fills chains which it leaves to ufw to declare, at the log level medium. */
const undeclared = (text: string): string =>
  text
    .replace(/^:ufw6?-(before|after)-logging-.*\n|^:ufw6?-logging-.*\n/gm, '')
    .replace(/^-A ufw(6?)-after-logging-input .*\n/m, (line, six) => `${line}${audits(`ufw${six}`)}`);

const audits = (prefix: string): string =>
  TRIO.map(
    (chain) =>
      `-I ${prefix}-before-logging-${chain} -j LOG --log-prefix "[UFW AUDIT] " -m conntrack --ctstate NEW -m limit --limit 3/min --limit-burst 10\n`,
  ).join('');

export const LAYOUTS: readonly Layout[] = [
  ...RELEASES,
  ...RELEASES.slice(0, 1).map(({ files: { ipv4, ipv6 } }) => ({
    name: 'without declarations of the logging chains',
    files: { ipv4: undeclared(ipv4), ipv6: undeclared(ipv6) },
  })),
];
