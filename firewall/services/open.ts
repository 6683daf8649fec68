/** Whether a service is open, in one word. */
import type { State } from '../results';
import type { Service } from './catalogue';

/** Whether anybody at all gets in to the service; or out, where it only goes out. What is not certain counts as open. */
export function isOpenIn({ services }: Pick<State, 'services'>, { id, directions }: Service): boolean {
  const found = services.find((one) => one.id === id);
  return (directions.includes('in') ? found?.in : found?.out) !== 'closed';
}
