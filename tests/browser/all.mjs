// All tests of the page, one after the other, in one process.

import './modules.test.mjs';
import './numbers.test.mjs';
import './table.test.mjs';
import './many.test.mjs';
import './states.test.mjs';
import './login.test.mjs';
import './access.test.mjs';
import './link.test.mjs';
import './keyboard.test.mjs';
import './still.test.mjs';
import './hostile.test.mjs';
