import * as z from 'zod/mini';
import { absolutePath } from '../messages';

/** Bytes as latin1, so that whatever a file holds survives being read and written. */
export const bytes = z
  .string()
  .check(z.refine((text) => !/[\u0100-\uffff]/.test(text), 'must hold one byte per character'));

/** A file's content and what a replacement of it must keep. */
export const fileText = z.object({
  path: absolutePath,
  text: bytes,
  mode: z.int().check(z.minimum(0), z.maximum(0o7777)),
  uid: z.int().check(z.minimum(0)),
  gid: z.int().check(z.minimum(0)),
});
export type FileText = z.infer<typeof fileText>;

/** Texts of files by path, as latin1. */
export type Texts = Readonly<Record<string, string>>;
