-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET TIME_ZONE='+00:00' */;
CREATE DATABASE /*!32312 IF NOT EXISTS*/ `old` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;
USE `old`;
CREATE TABLE `users` (
  `k` int NOT NULL,
  `name` text,
  `n` int
) ENGINE=InnoDB;
INSERT INTO `users` VALUES (1,'of another database',1);
USE `shop`;
DROP TABLE IF EXISTS `users`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
CREATE TABLE `users` (
  `k` int unsigned NOT NULL AUTO_INCREMENT COMMENT 'a ), comma',
  `key` varchar(20) DEFAULT 'it''s, (',
  `name` varchar(64) COLLATE utf8mb4_bin DEFAULT NULL,
  `price` decimal(10,2) DEFAULT NULL,
  `n` int DEFAULT NULL,
  PRIMARY KEY (`k`),
  KEY `by_name` (`name`(10),`n`),
  CONSTRAINT `c` CHECK ((`n` > 0))
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4
/*!50100 PARTITION BY HASH (`k`)
PARTITIONS 2 */;
LOCK TABLES `users` WRITE;
/*!40000 ALTER TABLE `users` DISABLE KEYS */;
INSERT INTO `users` VALUES (1,'x','O\'Neil \"q\" \\ \n;),(',1.50,10),(2,NULL,'it''s',-0.50,-20),
(3,'','-- no comment /* none */',NULL,NULL);
UNLOCK TABLES;
DELIMITER ;;
CREATE PROCEDURE p() BEGIN INSERT INTO users VALUES (9,'','not a row',0,0); END ;;
DELIMITER ;
-- Dump completed on 2026-11-25  9:00:00
