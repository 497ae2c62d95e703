'use strict';
const { Spec } = require('mocha').reporters;

/** mocha's spec report, what was tried again and why, and a last line that any CI can read. */
module.exports = class SummaryReporter extends Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.on('retry', (test, error) =>
      console.log(`    tried again: ${test.fullTitle()}: ${error.message}`),
    );
  }

  epilogue() {
    super.epilogue();
    const { passes, failures, pending } = this.stats;
    console.log(`${passes} passed, ${failures} failed` + (pending > 0 ? `, ${pending} skipped` : ''));
  }
};
