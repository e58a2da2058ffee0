// Package install tests that rcroll can be installed in any namespace: that an API server
// takes what there is to apply, and that webhook and agent then work with the accounts and
// flags that they have there.
package install
