/**
 * A security advisory as its publisher gives it out: the parts that are read of a CSAF 2.0 document, and what they come to.
 * https://docs.oasis-open.org/csaf/csaf/v2.0/csaf-v2.0.html
 */
import * as z from 'zod/mini';
import { phrase } from './errors';

const name = z.string().check(z.maxLength(300));

/** What a document says of the SmartServer. */
export const csaf = z.strictObject({
  id: name,
  title: z.string().check(z.maxLength(1000)),
  cves: z.array(name).check(z.maxLength(200)),
  severity: z.enum(['critical', 'high', 'medium', 'low']),
  /** Versions, as they are named there. */
  affected: z.array(name).check(z.minLength(1), z.maxLength(1000)),
  fixed: z.nullable(name),
  reference: z.nullable(z.string().check(z.maxLength(300))),
});
export type Csaf = z.infer<typeof csaf>;

interface Branch {
  category: string;
  name: string;
  product?: { product_id: string } | undefined;
  branches?: Branch[] | undefined;
}

/** The tree is vendor, product and version; nothing is read of what lies deeper. */
const DEPTH = 6;
const productId = z.string().check(z.minLength(1), z.maxLength(200));

const branch = { category: name, name, product: z.optional(z.object({ product_id: productId })) };

function branchAt(depth: number): z.ZodMiniType<Branch> {
  if (depth === 0) return z.object(branch);
  return z.object({ ...branch, branches: z.optional(z.array(branchAt(depth - 1)).check(z.maxLength(500))) });
}

const ids = z.optional(z.array(productId).check(z.maxLength(1000)));

const vulnerability = z.object({
  cve: z.optional(z.string().check(z.regex(/^CVE-\d{4}-\d{4,19}$/, phrase`must be an identifier like CVE-2026-20761`))),
  product_status: z.optional(z.object({ known_affected: ids, fixed: ids, first_fixed: ids })),
  scores: z.optional(
    z
      .array(z.object({ cvss_v3: z.optional(z.object({ baseScore: z.number().check(z.minimum(0), z.maximum(10)) })) }))
      .check(z.maxLength(100)),
  ),
});

const document = z.object({
  document: z.object({
    csaf_version: z.literal('2.0'),
    title: z.string().check(z.minLength(1), z.maxLength(1000)),
    tracking: z.object({
      id: z
        .string()
        .check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, phrase`must be an identifier like ICSA-26-050-01`)),
    }),
    references: z.optional(
      z
        .array(z.object({ category: z.optional(name), url: z.string().check(z.maxLength(2000)) }))
        .check(z.maxLength(200)),
    ),
  }),
  product_tree: z.object({ branches: z.array(branchAt(DEPTH)).check(z.maxLength(500)) }),
  vulnerabilities: z.array(vulnerability).check(z.minLength(1), z.maxLength(200)),
});
type Document = z.infer<typeof document>;

/** A version of a SmartServer in the tree. */
interface Version {
  id: string;
  name: string;
}

const OTHER_PRODUCT = phrase`must be about the SmartServer: it names no affected version of it`;

/** Documents as somebody gives them. */
export const csafQuestion = z.strictObject({
  csaf: z
    .array(
      z.pipe(
        document,
        z.transform((given: Document, { issues }): Csaf => {
          const found = readIn(given);
          if (found) return found;
          issues.push({ code: 'custom', message: OTHER_PRODUCT, input: given });
          return z.NEVER;
        }),
      ),
    )
    .check(z.maxLength(20)),
});

function readIn({ document: about, product_tree: tree, vulnerabilities }: Document): Csaf | null {
  const versions = tree.branches.flatMap((branch) => versionsIn(branch, false));
  const named = (key: 'known_affected' | 'fixed' | 'first_fixed'): string[] => {
    const wanted = new Set(vulnerabilities.flatMap(({ product_status }) => product_status?.[key] ?? []));
    return [...new Set(versions.filter(({ id }) => wanted.has(id)).map((one) => one.name))];
  };
  const affected = named('known_affected');
  if (affected.length === 0) return null;
  const [fixed = null] = [...named('first_fixed'), ...named('fixed')];
  const scores = vulnerabilities.flatMap(({ scores: all = [] }) => all.map(({ cvss_v3 }) => cvss_v3?.baseScore ?? 0));
  const links = about.references?.filter(({ url }) => /^https:\/\/[\w./~%?=&#:+-]{1,280}$/.test(url)) ?? [];
  return {
    ...{ id: about.tracking.id, title: about.title, affected, fixed },
    cves: [...new Set(vulnerabilities.flatMap(({ cve }) => cve ?? []))],
    severity: severityOf(Math.max(...scores, 0)),
    reference: (links.find(({ category }) => category === 'self') ?? links[0])?.url ?? null,
  };
}

/** The versions of the SmartServer, in the branch or below one that names it. */
function versionsIn(branch: Branch, isBelow: boolean): Version[] {
  const isNamed = isBelow || /smart\s?server/i.test(branch.name);
  const own = isNamed && branch.product ? [{ id: branch.product.product_id, name: branch.name }] : [];
  return [...own, ...(branch.branches ?? []).flatMap((one) => versionsIn(one, isNamed))];
}

/** By the bands of CVSS 3; what has no score may be anything. */
function severityOf(score: number): Csaf['severity'] {
  if (score >= 9) return 'critical';
  if (score >= 7 || score === 0) return 'high';
  return score >= 4 ? 'medium' : 'low';
}
