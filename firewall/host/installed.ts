/** Where `smartserver-firewall setup` puts the program, out of every user's reach. */
export const INSTALLED = '/usr/lib/smartserver-firewall';

/** The exit code of a program that has waited for a request there, and got none. */
export const NOT_TAKEN = 75;

/** The unit by which what is due is done at boot, before the network is up. */
export const BOOT_UNIT_NAME = 'smartserver-firewall.service';
export const BOOT_UNIT_FILE = `/etc/systemd/system/${BOOT_UNIT_NAME}`;
