/** What both the board and its host know by name. */

/** The line by which they talk, whatever the firewall does. */
export const PORT = 'line';
/** Its end on the board: the second port of the first console, as the first one is for a console itself. */
export const PORT_DEVICE = '/dev/vport0p1';
/** The serial number of the drive with what is tested. */
export const PAYLOAD = 'payload';
/** Where that is seen inside. */
export const projectInside = '/run/project';
