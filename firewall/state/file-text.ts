/** A file's content and what a replacement of it must keep. */
export interface FileText {
  path: string;
  /** Bytes as latin1, so that whatever a file holds survives being read and written. */
  text: string;
  mode: number;
  uid: number;
  gid: number;
}
