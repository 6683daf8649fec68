/** Where `smartserver-firewall setup` puts the program, out of every user's reach. */
export const INSTALLED = '/usr/lib/smartserver-firewall';

/** The unit by which what is due is done at boot, before the network is up. */
export const BOOT_UNIT_NAME = 'smartserver-firewall.service';
export const BOOT_UNIT_FILE = `/etc/systemd/system/${BOOT_UNIT_NAME}`;
