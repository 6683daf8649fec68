/**
 * The vendor's firewall, as arguments of `ufw`, in the vendor's order.
 * It is the one real listing there is (`test/fixtures/ufw-status-numbered.txt`) with the web ports where they were
 * before the vendor's port change, 443 for 1443 and 80 for 1780, less the two rules that are there twice then.
 */
export const factoryRules: readonly string[] = [
  'allow 22/tcp',
  'allow 5353/udp',
  'allow 2541/udp',
  'allow out 2541/udp',
  'allow in on lo',
  'allow out on lo',
  'deny from 127.0.0.0/8',
  'allow out 53/udp',
  'allow out 5353/udp',
  'allow out 80/tcp',
  'allow out 443/tcp',
  'allow out on ip70',
  'allow out 123/udp',
  'allow out 25/tcp',
  'allow out 502/tcp',
  'allow 443',
  'allow 1628/udp',
  'allow out 1628/udp',
  'allow in on eth0 to any port 1883',
  'allow in on eth0 to any port 8883',
  'allow 80/tcp',
  'allow 80',
  'allow 443/tcp',
];

/** Enhanced Security: nothing in and nothing out but what a rule allows. */
export const factoryPolicies: readonly string[] = ['default deny incoming', 'default deny outgoing'];
