/**
 * What is known about vulnerabilities that a scanner may report for the package's third-party code: a VEX document beside the
 * SBOM (CycloneDX 1.5). `npm run audit` asks for those that nobody has judged yet.
 */

/** The judgement of one vulnerability, with the states and reasons of CycloneDX. */
interface Statement {
  id: string;
  source: string;
  /** The bundled package that it is reported for. */
  component: string;
  state: 'resolved' | 'not_affected' | 'exploitable' | 'in_triage';
  /** With `not_affected`. */
  justification?:
    | 'code_not_present'
    | 'code_not_reachable'
    | 'requires_environment'
    | 'protected_by_mitigating_control';
  detail: string;
  /** When it was judged. */
  judged: string;
}

const STATEMENTS: readonly Statement[] = [
  {
    id: 'CVE-2024-21538',
    source: 'https://github.com/advisories/GHSA-3xgq-45jj-v275',
    component: 'cross-spawn',
    state: 'resolved',
    detail:
      'Fixed in 7.0.5; a later version is bundled. The code in question quotes arguments on Windows only, where this package does not run.',
    judged: '2026-11-27',
  },
  {
    id: 'CVE-2023-4316',
    source: 'https://github.com/advisories/GHSA-m95q-7qp3-xv42',
    component: 'zod',
    state: 'resolved',
    detail: 'Fixed in 3.22.3; a later version is bundled. No schema of this package is about e-mail addresses.',
    judged: '2026-11-27',
  },
];

interface Component {
  name: string;
  'bom-ref': string;
}

/** An SBOM, as far as statements refer to it. */
interface Bom {
  metadata: object;
  components: readonly Component[];
}

/** The document for this SBOM. @throws Error where a statement is about what is no longer bundled */
export function vexOf({ metadata, components }: Bom, statements = STATEMENTS): object {
  const judged = statements.map((statement) => {
    const about = components.find(({ name }) => name === statement.component);
    if (!about)
      throw new Error(`The statement on ${statement.id} is about ${statement.component}, which is not bundled.`);
    return { statement, about };
  });
  return {
    ...{ bomFormat: 'CycloneDX', specVersion: '1.5', version: 1, metadata },
    components: [...new Set(judged.map(({ about }) => about))],
    vulnerabilities: judged.map(({ statement, about }) => {
      const { id, source, state, justification, detail, judged: on } = statement;
      return {
        ...{ 'bom-ref': id, id, source: { url: source } },
        analysis: { state, ...(justification && { justification }), detail, firstIssued: `${on}T00:00:00Z` },
        affects: [{ ref: about['bom-ref'] }],
      };
    }),
  };
}
