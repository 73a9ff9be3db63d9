CREATE TABLE users (k int, name varbinary(9), n bit(3));
INSERT INTO users VALUES (1,_binary 'a\0b',b'101'),(2,0xff00,X'01'),(-3,DEFAULT,1e-5);
