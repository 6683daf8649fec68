/** Loaded before the engine: a wall clock that is wrong by SKEW seconds, for this process only. */
const skew = Number(process.env.SKEW) * 1000;
const now = Date.now;
Date.now = () => now() + skew;
global.Date = new Proxy(Date, {
  construct: (target, values) => (values.length === 0 ? new target(Date.now()) : Reflect.construct(target, values)),
});
