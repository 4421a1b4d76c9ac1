/** The form of the product that the tests of this process start: by the project of vitest in which they run. */
export type Form = 'embedded' | 'production';

export const formOfTests = (): Form => (process.env['TEST_FORM'] === 'production' ? 'production' : 'embedded');
