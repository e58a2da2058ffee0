//go:build !unix

package rcroll

// suspendable does nothing where programs are not suspended.
func (*screen) suspendable() (stop func()) { return func() {} }
