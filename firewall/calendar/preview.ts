/** What the edit dialog of a schedule needs of calendars: built into a file of its own for the browser. */
export { isDate, WEEKDAYS } from './dates';
export { isOpenAt, nextEdge } from './opening';
export { isTimeZone, wallClock } from './wall-clock';
