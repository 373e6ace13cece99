/* SPDX-License-Identifier: MIT */
/* kde - log in as KMail does, through KIMAP and KSMTP */

/*
 * usage: kde imap|smtp PORT USER CAFILE
 *
 * Prints "ok" or "no" and the error that KMail would show.
 */

#include <cstdio>

#include <KIMAP/LoginJob>
#include <KIMAP/Session>
#include <KSMTP/LoginJob>
#include <KSMTP/Session>
#include <QCoreApplication>
#include <QSslCertificate>
#include <QSslConfiguration>

static void
finish(const QString &error)
{
	printf("%s %s\n", error.isEmpty() ? "ok" : "no", qPrintable(error));
	QCoreApplication::exit(!error.isEmpty());
}

template <class Job>
static void
start(Job *job, const char *user)
{
	QObject::connect(
	    job, &KJob::result, [](KJob *j) { finish(j->errorString()); });
	job->setUserName(user);
	job->start();
}

static void
imap(quint16 port, const char *user)
{
	auto session = new KIMAP::Session("localhost", port);
	auto job = new KIMAP::LoginJob(session);

	session->setTimeout(10); /* seconds */
	job->setEncryptionMode(KIMAP::LoginJob::SSLorTLS);
	job->setAuthenticationMode(KIMAP::LoginJob::XOAuth2);
	start(job, user);
}

static void
smtp(quint16 port, const char *user)
{
	auto session = new KSmtp::Session("localhost", port);

	QObject::connect(session, &KSmtp::Session::connectionError, finish);
	QObject::connect(session, &KSmtp::Session::stateChanged,
	    [=](KSmtp::Session::State state) {
		    if (state != KSmtp::Session::NotAuthenticated)
			    return;
		    auto job = new KSmtp::LoginJob(session);
		    job->setPreferedAuthMode(KSmtp::LoginJob::XOAuth2);
		    start(job, user);
	    });
	session->setUseNetworkProxy(false);
	session->setEncryptionMode(KSmtp::Session::TLS);
	session->open();
}

int
main(int argc, char **argv)
{
	QCoreApplication app(argc, argv);
	auto tls = QSslConfiguration::defaultConfiguration();

	if (argc != 5)
		return 2;
	tls.setCaCertificates(QSslCertificate::fromPath(argv[4]));
	QSslConfiguration::setDefaultConfiguration(tls);
	auto log_in = QByteArray(argv[1]) == "imap" ? imap : smtp;
	log_in(QByteArray(argv[2]).toUShort(), argv[3]);
	return app.exec();
}
