import { rendered, type Sentence } from '../../firewall/errors';

/** A sentence in English; empty for none. */
export const inWords = (sentence: Sentence | null | undefined): string => (sentence ? rendered(sentence) : '');
