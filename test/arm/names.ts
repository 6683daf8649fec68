/** What both the board and its host know by name. */

/** The line by which they talk, whatever the firewall does. */
export const PORT = 'line';
/** The serial number of the drive with what is tested. */
export const PAYLOAD = 'payload';
/** Where that is seen inside. */
export const projectInside = '/run/project';
