import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import execa from 'execa';

/** A configuration for the real nginx to judge. */
export interface Trial {
  bytes: Buffer;
  /** It has its own `events {}` and `http {}`. */
  whole: boolean;
}

/** nginx's judgement. */
export interface Judgement {
  accepted: boolean;
  message: string;
}

/**
 * What the real `nginx -t` says of each configuration. It binds the sockets it is told of, so it runs in a network of
 * its own, where it meets nobody else's. Nothing of it stays: no process, no file.
 */
export async function judge(trials: readonly Trial[]): Promise<Judgement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-trial-'));
  try {
    await makeCertificate(folder);
    trials.forEach((trial, index) => {
      writeFileSync(join(folder, `${index}.site`), trial.bytes);
      writeFileSync(join(folder, `${index}.conf`), configuration(trial, `${index}.site`));
    });
    const each = `nginx -t -q -p "$0" -c "$0/$i.conf" -e stderr 2>"$0/$i.err"; echo $?`;
    const script = `ip link set lo up; i=0; while [ $i -lt ${trials.length} ]; do ${each}; i=$((i+1)); done; cat "$0"/*.err >&2`;
    const { stdout, stderr } = await execa('unshare', ['--net', '--', 'sh', '-c', script, folder]);
    const codes = stdout.split('\n');
    return trials.map((_, index) => ({
      accepted: codes[index] === '0',
      message: stderr.split('\n').find((line) => line.includes(`/${index}.`)) ?? '',
    }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function configuration({ bytes, whole }: Trial, site: string): Buffer {
  const main = 'pid nginx.pid;\n';
  if (whole) return Buffer.concat([Buffer.from(main), bytes]);
  return Buffer.from(
    `${main}events {}\nhttp { access_log off; server_names_hash_bucket_size 512; include ${site}; }\n`,
  );
}

async function makeCertificate(folder: string): Promise<void> {
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=test'];
  await execa('openssl', [...request, ...files]);
}
