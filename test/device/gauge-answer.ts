/** Where the gauge answers, and what: the gauge itself listens as soon as it is loaded. */
export const GAUGE_PORT = 1879;

export interface Gauge {
  /** In MB. */
  rss: number;
  /** In MB. */
  heap: number;
  /** The longest time since the last question in which the event loop did not come round, in ms. */
  blockMs: number;
  /** How many different requests waited for the firewall since the last question, at most. */
  waiting: number;
}
