/** As CISA publishes them, with what a test wants otherwise. */
export const csafDocument = (changes: object = {}) => ({
  document: {
    category: 'csaf_security_advisory',
    csaf_version: '2.0',
    title: 'EnOcean SmartServer IoT',
    notes: [{ category: 'summary', text: 'x'.repeat(20_000) }],
    publisher: { category: 'coordinator', name: 'CISA' },
    references: [
      { category: 'external', url: 'https://www.enocean.com/security' },
      { category: 'self', url: 'https://www.cisa.gov/news-events/ics-advisories/icsa-27-001-01' },
    ],
    tracking: { id: 'ICSA-27-001-01', status: 'final', version: '1' },
  },
  product_tree: {
    branches: [
      {
        category: 'vendor',
        name: 'EnOcean',
        branches: [
          {
            category: 'product_name',
            name: 'EnOcean SmartServer IoT',
            branches: [
              version('vers:generic/<=4.60.030', 'CSAFPID-0001'),
              version('4.60.031', 'CSAFPID-0002'),
              version('<9', 'CSAFPID-0009'),
            ],
          },
          { category: 'product_name', name: 'Other', branches: [version('<99', 'CSAFPID-0003')] },
        ],
      },
    ],
  },
  vulnerabilities: [
    {
      cve: 'CVE-2027-1000',
      product_status: { known_affected: ['CSAFPID-0001', 'CSAFPID-0003'], fixed: ['CSAFPID-0002'] },
      scores: [{ cvss_v3: { baseScore: 9.8, baseSeverity: 'CRITICAL' }, products: ['CSAFPID-0001'] }],
    },
  ],
  ...changes,
});

export const version = (name: string, id: string) => ({
  ...{ category: 'product_version_range', name },
  product: { name: `EnOcean SmartServer IoT ${name}`, product_id: id },
});
