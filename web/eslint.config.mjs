import { fileURLToPath } from 'node:url';
import js from '@eslint/js';
import globals from 'globals';
import ts from 'typescript-eslint';

// What would turn a name from the wire into markup, or break the content security policy.
const forbidden = [
    { selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML)$/]",
      message: 'Text from the wire never becomes markup: use textContent.' },
    { selector: "CallExpression[callee.property.name='setAttribute'][arguments.0.value='style']",
      message: 'The content security policy forbids style attributes: set properties of element.style.' },
];

export default ts.config(
    { ignores: ['**/dist/', '**/node_modules/'] },
    js.configs.recommended,
    {
        files: ['**/*.ts'],
        extends: [...ts.configs.strictTypeChecked, ...ts.configs.stylisticTypeChecked],
        languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: fileURLToPath(new URL('.', import.meta.url)) } },
        rules: {
            'no-restricted-syntax': ['error', ...forbidden],
            'max-lines': ['error', 400],
            'max-lines-per-function': ['error', { max: 70, skipComments: true }],
            // byId<HTMLInputElement>('x') says what the page's own markup holds.
            '@typescript-eslint/no-unnecessary-type-parameters': 'off',
            '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
        },
    },
    {
        files: ['**/*.mjs'],
        // What the browser tests hand to evaluate() runs in the page.
        languageOptions: { globals: { ...globals.node, ...globals.browser } },
    },
);
