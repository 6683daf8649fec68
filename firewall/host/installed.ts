/** Where `smartserver-firewall setup` puts the program, out of every user's reach. */
export const INSTALLED = '/usr/lib/smartserver-firewall';
