//go:build unix

package rcroll

import (
	"os"
	"os/signal"
	"syscall"
)

// suspendable gives the terminal back while the program is suspended by Ctrl-Z, until what
// it returns is called.
func (s *screen) suspendable() (stop func()) {
	suspended, resumed := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(suspended, syscall.SIGTSTP)
	go func() {
		for range suspended {
			s.leave()
			// The signal stops this thread a little later: to go on is not to be resumed.
			signal.Notify(resumed, syscall.SIGCONT)
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			<-resumed
			signal.Stop(resumed)
			s.enter()
		}
	}()
	return func() {
		signal.Stop(suspended)
		close(suspended)
	}
}
