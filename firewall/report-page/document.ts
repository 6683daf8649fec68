/** The report for auditors as JSON, byte for byte: what its page shows is what this text says, and its hash is that of these bytes. */
import { createHash } from 'node:crypto';
import type { Evidence } from '../results';

/** The version of the form of these documents. */
const VERSION = 1;

export interface ReportDocument {
  /** As it is kept and hashed, in UTF-8. */
  text: string;
  /** SHA-256 of `text` in hexadecimal, as `sha256sum` prints it of a file with it. */
  sha256: string;
}

export function reportDocument(evidence: Evidence): ReportDocument {
  const text = `${JSON.stringify({ document: 'smartserver-firewall-report', version: VERSION, ...evidence }, null, 2)}\n`;
  return { text, sha256: createHash('sha256').update(text, 'utf8').digest('hex') };
}
