import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { FirewallError } from '../../../firewall/errors';
import { statements } from '../../../firewall/web/tokens';
import { judge } from './nginx';

function read(text: string): string[] {
  return [...statements(text)].map(({ words, terminator }) =>
    [...words.map((word) => word.text), terminator].join('|'),
  );
}

function refuses(text: string, message: RegExp): void {
  assert.throws(
    () => read(text),
    (error: unknown) => error instanceof FirewallError && error.code === 'NGINX_CONFIG' && message.test(error.message),
  );
}

describe('the statements of an nginx file', () => {
  it('are words up to a semicolon or a brace', () => {
    assert.deepEqual(read('a b  c;d{e;}'), ['a|b|c|;', 'd|{', 'e|;', '}']);
  });

  it('may run over lines, blank of every kind and comments', () => {
    assert.deepEqual(read('a\r\n\tb # c; d {\n e;# f'), ['a|b|e|;']);
  });

  it('hold strings, whose blanks, semicolons, braces and number signs are text', () => {
    assert.deepEqual(read(`a "b; {} # c" 'd "e"';`), ['a|b; {} # c|d "e"|;']);
    assert.deepEqual(read('a "";'), ['a||;']);
  });

  it('have the six escapes nginx knows, and keep the backslash of any other', () => {
    assert.deepEqual(read(String.raw`a "\"\'\\\t\n\r" \.b\;c;`), [`a|"'\\\t\n\r|\\.b\\;c|;`]);
  });

  it('take quotes, number signs and closing braces inside a word as text', () => {
    assert.deepEqual(read(`a b"c d#e f}g;`), [`a|b"c|d#e|f}g|;`]);
  });

  it('take the brace of a variable as text', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: nginx's own variable syntax
    assert.deepEqual(read('return https://${host}:80 ${a}{'), ['return|https://${host}:80|${a}|{']);
  });

  it('let a closing parenthesis follow a string', () => {
    assert.deepEqual(read('if ($a = "b"){}'), ['if|($a|=|b|)|{', '}']);
  });

  it('know their spans and lines', () => {
    const text = '# one\n\n  listen  "80" ssl;';
    const [statement] = [...statements(text)];
    assert.ok(statement);
    assert.equal(text.slice(statement.start, statement.end), 'listen  "80" ssl;');
    assert.equal(statement.line, 3);
    assert.deepEqual(
      statement.words.map(({ start, end }) => text.slice(start, end)),
      ['listen', '80', 'ssl'],
    );
  });

  it('skip Lua blocks, whatever braces and quotes their strings and comments hold', () => {
    const lua = `local a = "}" --[[ } ]] -- it's }\n local b = [==[ } ]] ]==] .. '\\'}' if a then b = { {} } end`;
    assert.deepEqual(read(`location / { content_by_lua_block { ${lua} } } a;`), [
      'location|/|{',
      'content_by_lua_block|{',
      '}',
      '}',
      'a|;',
    ]);
  });

  it('are refused with the line where nginx would stop', () => {
    refuses('a;\nb', /ends inside the directive that begins in line 2\./);
    refuses('a;\n\n"b;', /ends inside the string that begins in line 3\./);
    refuses('a;\n"b"c;', /unexpected "c" in line 2\./);
    refuses('a;\n;', /unexpected ";" in line 2\./);
    refuses('{', /unexpected "\{" in line 1\./);
    refuses('a }', /unexpected "\}" in line 1\./);
    refuses('a}', /ends inside the directive that begins in line 1\./);
    refuses('a "b" }', /unexpected "\}" in line 1\./);
    refuses('a b\\', /ends inside the directive/);
    refuses('x_by_lua_block { "', /Lua block that begins in line 1 contains an unterminated string/);
    refuses('x_by_lua_block { --[[ }', /contains an unterminated string/);
    refuses('x_by_lua_block { {} ', /ends inside the Lua block/);
  });

  it('cover the file: what is between them is blank or comment', () => {
    const word = fc.constantFrom('a', '"b c"', "'}'", '# d\n', ' ', '\r\n', ';', '{', '}', '$', '\\', 'ü');
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), (words) => {
        const text = words.join('');
        let read: ReturnType<typeof statements> extends Iterable<infer One> ? One[] : never;
        try {
          read = [...statements(text)];
        } catch (error) {
          assert.ok(error instanceof FirewallError);
          return;
        }
        let rest = '';
        let at = 0;
        for (const { start, end } of read) {
          rest += `${text.slice(at, start)}\n`;
          at = end;
        }
        assert.match(rest + text.slice(at), /^(?:\s|#[^\n]*(?:\n|$))*$/);
      }),
    );
  });

  it('begin and end where the real nginx has them begin and end', async function () {
    this.timeout(60_000);
    const piece = fc.constantFrom('a', ' ', '\t', '\n', '\r', '"', "'", '\\', '#', '{', '}', ';', '$', ')');
    const soups = fc.sample(
      fc.array(piece, { minLength: 1, maxLength: 9 }).map((pieces) => pieces.join('')),
      { numRuns: 400, seed: 20 },
    );
    const files = soups.map((soup) => `server { server_name x ${soup}; }`);
    const judgements = await judge(files.map((file) => ({ bytes: Buffer.from(file), whole: false })));
    files.forEach((file, index) => {
      const { accepted, message } = judgements[index] as (typeof judgements)[number];
      assert.equal(isOneDirective(file), accepted, `${JSON.stringify(file)}: ${message}`);
    });
    const count = judgements.filter(({ accepted }) => accepted).length;
    assert.ok(count > 50 && count < 350, `nginx accepted ${count} of 400`);
  });
});

/** The file is one server with one directive of words, the only thing nginx accepts of it. */
function isOneDirective(file: string): boolean {
  try {
    const terminators = [...statements(file)].map((statement) => statement.terminator);
    return terminators.join('') === '{;}';
  } catch (error) {
    assert.ok(error instanceof FirewallError);
    return false;
  }
}
